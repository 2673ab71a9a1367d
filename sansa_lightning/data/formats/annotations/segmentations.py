"""Segmentations as annotation tools write them, one annotation at a time; unreadable ones are counted."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from sansa_lightning.data.formats.annotations.entry_ids import whole
from sansa_lightning.data.formats.annotations.run_lengths import (
    area,
    covers,
    of_array,
    of_counts,
    of_polygon,
    polygon,
    union,
)
from sansa_lightning.data.formats.notes import Note, NoteBook
from sansa_lightning.files.messages import brief

EMPTY = "annotations left out, without a segmentation"
UNREADABLE = "annotations left out, with a segmentation that cannot be read"
INVISIBLE = "annotations left out, covering no pixel"
RELATIVE = "annotations left out, with coordinates of at most 1, which look relative"
PER_CENT = "annotations with no coordinate beyond 100 in far larger pictures, which may be per cent"
PARTS = "parts of annotations left out, unreadable or covering no pixel"

_LARGEST_RELATIVE = 1.5
"""A little beyond 1, since outlines drawn by hand reach over the edge; hardly any outline in pixels ends so early."""

_LEAST_SIDE = 8
"""Pixels; in smaller pictures an outline may well end there."""

_FAR_LARGER = 200
"""Pixels of the shorter side: outlines in pixels reach beyond 100 in such a picture, unless they are in one corner."""

_SUSPICIOUS = 10
"""Lowest number of annotations in per cent that is reported, if nine of ten are."""

_UNSEEN = "it covers no pixel"


class LeftOutError(Exception):
    """An annotation cannot be used.

    Args:
        what: see ``Note``.
        where: the annotation.
    """

    def __init__(self, what: str, where: str) -> None:
        super().__init__(what, where)
        self.what = what
        self.where = where


class _Part(NamedTuple):
    """One piece of a segmentation: its run lengths or its fault, and an outline's furthest coordinate."""

    runs: bytes | None
    fault: str = ""
    furthest: float = np.inf


class Segmentations:
    """Turns segmentations into run lengths, and counts those that it leaves out.

    A segmentation is polygons (lists x, y, x, y, ...), run lengths (a dict with ``size`` and ``counts``), an array
    [H, W], or a list of any of these, which means their union.

    Args:
        book: keeps the counts.

    Attributes:
        used: annotations that gave a mask.
        left_out: annotations that gave none.
        outlines: annotations with a readable polygon.
        relative: those of them that were left out because they look relative.
        first_relative: the first of these.
        per_cent: those of them that may be per cent; they are used.
        first_per_cent: the first of these.
    """

    def __init__(self, book: NoteBook) -> None:
        self.book = book
        self.used = 0
        self.left_out = 0
        self.outlines = 0
        self.relative = 0
        self.first_relative = ""
        self.per_cent = 0
        self.first_per_cent = ""

    def runs(self, where: str, segmentation: Any, height: int, width: int) -> bytes | None:
        """Run lengths of one annotation; None if it is left out, which is counted.

        Args:
            where: the annotation, for the notes.
            segmentation: see the class.
            height: of the image, pixels.
            width: of the image, pixels.
        """
        try:
            return self.read(where, segmentation, height, width)
        except LeftOutError as error:
            self.leave_out(error)
            return None

    def read(self, where: str, segmentation: Any, height: int, width: int) -> bytes:
        """Like :meth:`runs`, for callers that leave out annotations for other reasons too.

        Raises:
            LeftOutError: it must be left out.
        """
        if _is_empty(segmentation):
            raise LeftOutError(EMPTY, where)
        parts = [_drawn(part, height, width) for part in _parts(segmentation)]
        self._check_relative(where, max(part.furthest for part in parts), min(height, width))
        seen = [part.runs for part in parts if part.runs is not None]
        if len(seen) < len(parts):
            self._judge(where, [part.fault for part in parts if part.runs is None], alone=not seen)
        self.used += 1
        return union(seen, height, width)

    def _check_relative(self, where: str, furthest: float, side: int) -> None:
        if not 0 < furthest < np.inf:
            return  # not an outline, or not only one
        self.outlines += 1
        if furthest <= 100 and side >= _FAR_LARGER:
            self.first_per_cent = self.first_per_cent or where
            self.per_cent += 1
        if furthest <= _LARGEST_RELATIVE and side >= _LEAST_SIDE:
            self.first_relative = self.first_relative or where
            self.relative += 1
            raise LeftOutError(RELATIVE, where)

    def _judge(self, where: str, faults: Sequence[str], *, alone: bool) -> None:
        """Leave out the faulty pieces, or the annotation if it has no others."""
        if alone:
            told = next((fault for fault in faults if fault != _UNSEEN), None)
            raise LeftOutError(INVISIBLE, where) if told is None else LeftOutError(UNREADABLE, f"{where}: {told}")
        for fault in faults:
            self.book.add(PARTS, f"{where}: {fault}")

    def leave_out(self, why: LeftOutError) -> None:
        """Count an omitted annotation."""
        self.left_out += 1
        self.book.add(why.what, why.where)

    def check(self, path: Path) -> None:
        """Check, once all are read, that they are in pixels and some are usable; note if they may be in per cent.

        Raises:
            ValueError: they are not in pixels, or none is usable; says how many.
        """
        if self.relative and 2 * self.relative >= self.outlines:
            msg = (
                f"{path}: {self.relative} of {self.outlines} annotations with polygons have no coordinate beyond 1 "
                f"(first: {self.first_relative}); are they relative? Expected pixels: x times width, y times height"
            )
            raise ValueError(msg)
        if self.per_cent >= max(_SUSPICIOUS, 0.9 * self.outlines):
            self.book.merge([Note(PER_CENT, self.per_cent, self.first_per_cent)])
        if self.left_out and not self.used:
            msg = f"{path}: none of its {self.left_out} annotations can be used: {self.book}"
            raise ValueError(msg)


def stored_sizes(segmentation: Any) -> Iterator[tuple[int, int]]:
    """(H, W) of the run lengths and arrays in a segmentation; polygons have none."""
    for part in [] if _is_empty(segmentation) else _parts(segmentation):
        size = part.get("size") if isinstance(part, dict) else getattr(part, "shape", None)
        sides = [whole(side) for side in size] if isinstance(size, list | tuple) else []
        match sides:
            case [int(height), int(width)]:
                yield height, width


def _is_empty(segmentation: Any) -> bool:
    """Whether it is empty, or holds only empty things: ``[]``, ``[[]]``."""
    if isinstance(segmentation, list) and segmentation:
        return all(isinstance(part, list) and not part for part in segmentation)
    return segmentation is None or (isinstance(segmentation, Sequence | dict) and not segmentation)


def _parts(segmentation: Any) -> Sequence[Any]:
    """The pieces whose union is the segmentation; a list of numbers is one polygon."""
    if not isinstance(segmentation, list | tuple) or isinstance(segmentation[0], int | float):
        return [segmentation]
    return segmentation


def _drawn(part: Any, height: int, width: int) -> _Part:
    try:
        if isinstance(part, dict):
            runs = of_counts(part, height, width)
        elif isinstance(part, np.ndarray) and part.ndim == 2:
            runs = of_array(part, height, width)
        else:
            return _outlined(part, height, width)
    except ValueError as error:
        return _Part(None, str(error))
    return _Part(runs) if area(runs, height, width) else _Part(None, _UNSEEN)


def _outlined(part: Any, height: int, width: int) -> _Part:
    found = polygon(part)
    if found is None:
        msg = f"expected a polygon of at least three points x, y, run lengths or an array, but got {brief(part)}"
        return _Part(None, msg, 0.0)
    points, furthest = found
    runs = of_polygon(points, height, width)
    return _Part(runs, "", furthest) if covers(runs, height, width) else _Part(None, _UNSEEN, furthest)
