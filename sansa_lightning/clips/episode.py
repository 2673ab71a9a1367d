"""The names of a clip."""

from __future__ import annotations

import json
from dataclasses import dataclass

ClassId = int
ImageKey = str | int


@dataclass(frozen=True, slots=True)
class Episode:
    """The names of one clip: small, hashable, and writable as one line of JSON.

    Attributes:
        source: name of the source that the keys belong to.
        class_id: the class to segment, an index into the source's classes.
        references: image keys of the K references, K >= 1.
        targets: image keys of the targets, at least one.
    """

    source: str
    class_id: ClassId
    references: tuple[ImageKey, ...]
    targets: tuple[ImageKey, ...]

    def __post_init__(self) -> None:
        """Check that there is at least one reference and one target."""
        if not self.references or not self.targets:
            msg = f"Episode of class {self.class_id}: expected at least one reference and one target, but got {self}"
            raise ValueError(msg)

    def to_json(self) -> str:
        """One line of JSON with sorted keys, so that equal episodes give equal text."""
        fields = {
            "class_id": self.class_id,
            "references": list(self.references),
            "source": self.source,
            "targets": list(self.targets),
        }
        return json.dumps(fields, sort_keys=True, separators=(",", ":"))

    @classmethod
    def from_json(cls, line: str) -> Episode:
        """The episode written by :meth:`to_json`.

        Raises:
            ValueError: the line is not a JSON object with exactly the four fields, of the right types.
        """
        try:
            fields = json.loads(line)
        except (ValueError, RecursionError) as error:
            msg = f"expected one JSON object per line, but got {line[:80]!r}"
            raise ValueError(msg) from error
        names = {"source", "class_id", "references", "targets"}
        if not isinstance(fields, dict) or set(fields) != names:
            msg = f"expected a JSON object with the keys {sorted(names)}, but got {line[:80]!r}"
            raise ValueError(msg)
        keys = [fields["references"], fields["targets"]]
        well_typed = (
            isinstance(fields["source"], str)
            and type(fields["class_id"]) is int
            and all(isinstance(group, list) and all(type(key) in (str, int) for key in group) for group in keys)
        )
        if not well_typed:
            msg = f"expected source: text, class_id: integer, references and targets: lists, but got {line[:80]!r}"
            raise ValueError(msg)
        return cls(fields["source"], fields["class_id"], tuple(fields["references"]), tuple(fields["targets"]))
