"""The score of each test target as a small CSV file, by which two runs can be compared episode by episode."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from sansa_lightning.files.whole import write_text

FILES = {"fit": "episodes.csv", "test": "episodes_test.csv"}
"""The file in a run folder, by subcommand."""


class TargetScore(NamedTuple):
    """The score of one target of the test list.

    Attributes:
        episode: number in the list, from 0.
        class_id: of the episode.
        target: key of the target image.
        references: keys of the reference images, separated by spaces.
        intersection: pixels that are foreground in prediction and truth, at the size of the score.
        union: pixels that are foreground in one of them; pixels to be ignored are left out of both.
    """

    episode: int
    class_id: int
    target: str
    references: str
    intersection: int
    union: int

    @property
    def iou(self) -> float:
        """Foreground IoU in [0, 1]; 0 if there is no foreground at all."""
        return self.intersection / max(self.union, 1)


def write_scores(path: Path, scores: Iterable[TargetScore]) -> None:
    """Write a CSV with a header, a line for each target in the order of the list, whole or not at all."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(TargetScore._fields)
    writer.writerows(sorted(scores))
    write_text(path, text.getvalue())


def read_scores(path: Path) -> list[TargetScore]:
    """The scores in such a file.

    Raises:
        FileNotFoundError: there is none.
        ValueError: it is another kind of file.
    """
    with path.open(encoding="utf-8", newline="") as file:
        header, *rows = list(csv.reader(file)) or [[]]
    if tuple(header) != TargetScore._fields:
        msg = f"{path}: expected the header {','.join(TargetScore._fields)}, but got {','.join(header)[:100]!r}"
        raise ValueError(msg)
    try:
        return [TargetScore(int(n), int(c), target, shown, int(i), int(u)) for n, c, target, shown, i, u in rows]
    except ValueError as error:
        msg = f"{path}: expected six values in each line, four of them whole numbers ({error})"
        raise ValueError(msg) from error
