"""Notes of a source on its irregular data: counts of the things that it turned, left out or merged."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace

from sansa_lightning.files.messages import counted

_PLURAL = re.compile(r"\b(?:(?P<ies>[a-z]+)ies|(?P<s>[a-z]+?)(?:(?<=ss)e)?s)\b")


@dataclass(frozen=True, slots=True)
class Note:
    """The cases of one kind.

    Attributes:
        what: the kind, a phrase in the plural, to follow a number: "pictures turned upright by EXIF".
        count: how many, at least 1.
        first: the place of the first one: a file, or an entry of a file.
    """

    what: str
    count: int
    first: str

    def __str__(self) -> str:
        return f"{counted(self.count, _singular(self.what), self.what)} (first: {self.first})"


class NoteBook:
    """Counts cases by kind while something is read."""

    def __init__(self) -> None:
        self._notes: dict[str, Note] = {}

    def add(self, what: str, where: str) -> None:
        """Count one case; see :class:`Note`."""
        self.merge([Note(what, 1, where)])

    def merge(self, notes: Iterable[Note]) -> None:
        """Add cases that were counted elsewhere; a kind keeps the first place that it was given."""
        for note in notes:
            known = self._notes.get(note.what)
            self._notes[note.what] = note if known is None else replace(known, count=known.count + note.count)

    def notes(self) -> tuple[Note, ...]:
        """A note for each kind, in the order of their first cases."""
        return tuple(self._notes.values())

    def __str__(self) -> str:
        """All notes, for an error."""
        return "; ".join(map(str, self._notes.values()))


def as_counts(notes: Iterable[Note]) -> dict[str, int]:
    """The numbers alone, as ``result.json`` keeps them."""
    return {note.what: note.count for note in notes}


def _singular(what: str) -> str:
    """A note's phrase for a single case: its first noun in the singular."""
    return _PLURAL.sub(lambda found: f"{found['ies']}y" if found["ies"] else found["s"], what, count=1)
