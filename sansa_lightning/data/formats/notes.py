"""What a source did with data that were not as it wants them: what it turned, left out or merged, counted."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class Note:
    """One kind of such a case.

    Attributes:
        what: a phrase in the plural that stands behind the number: "pictures turned upright by EXIF".
        count: how many, at least 1.
        first: where the first one is: a file, or an entry of a file.
    """

    what: str
    count: int
    first: str

    def __str__(self) -> str:
        return f"{self.count} {self.what} (first: {self.first})"


class NoteBook:
    """Counts cases by kind while something is read."""

    def __init__(self) -> None:
        self._notes: dict[str, Note] = {}

    def add(self, what: str, where: str) -> None:
        """Count one case; see :class:`Note`."""
        self.merge([Note(what, 1, where)])

    def merge(self, notes: Iterable[Note]) -> None:
        """Count cases that were counted elsewhere: those of one kind as one, with the first that came."""
        for note in notes:
            known = self._notes.get(note.what)
            self._notes[note.what] = note if known is None else replace(known, count=known.count + note.count)

    def notes(self) -> tuple[Note, ...]:
        """A note for each kind, in the order of their first cases."""
        return tuple(self._notes.values())

    def __str__(self) -> str:
        """All of them, for an error."""
        return "; ".join(map(str, self._notes.values()))


def as_counts(notes: Iterable[Note]) -> dict[str, int]:
    """The numbers alone, as ``result.json`` keeps them."""
    return {note.what: note.count for note in notes}
