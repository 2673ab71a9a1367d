"""Masks of annotations, drawn by pycocotools alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from pycocotools import mask as coco_mask

from fuzz.oracles.reading import need, whole


@dataclass
class Masks:
    """Masks of annotations; what cannot be drawn is left out, unless nothing is left or most are relative."""

    used: int = 0
    left_out: int = 0
    outlines: int = 0
    relative: int = 0

    def drawn(self, segmentation: Any, height: int, width: int) -> np.ndarray | None:
        """bool [H, W] of what an annotation file says, if it says something that has a pixel."""
        if isinstance(segmentation, list | tuple) and segmentation and isinstance(segmentation[0], int | float):
            segmentation = [segmentation]
        parts = segmentation if isinstance(segmentation, list | tuple) else [segmentation]
        found = [_part(part, height, width) for part in parts]
        reach = max((furthest for _, furthest in found), default=0.0)
        masks = [mask for mask, _ in found if mask is not None and mask.any()]
        if 0 < reach < np.inf:
            self.outlines += 1
            if reach <= 1.5 and min(height, width) >= 8:
                self.relative += 1
                masks = []
        self.used += bool(masks)
        self.left_out += not masks
        return np.any(masks, axis=0) if masks else None

    def check(self) -> None:
        need(self.used > 0 or self.left_out == 0, "nothing is left")
        need(self.relative == 0 or 2 * self.relative < self.outlines, "relative")


def _part(part: Any, height: int, width: int) -> tuple[np.ndarray | None, float]:
    """A part's mask, None if it has none, and the furthest coordinate of an outline."""
    try:
        if isinstance(part, dict):
            return _runs(part, height, width), np.inf
        if isinstance(part, np.ndarray) and part.ndim == 2:
            need(part.shape == (height, width) and part.dtype.kind in "buif", part.dtype)
            need(bool(np.isfinite(part).all()), part)
            return part != 0, np.inf
    except (AssertionError, KeyError, TypeError, ValueError, OverflowError):
        return None, np.inf
    try:
        outline = [float(value) for value in part] if isinstance(part, list | tuple | np.ndarray) else []
        need(len(outline) >= 6 and len(outline) % 2 == 0 and all(abs(value) <= 65_535 for value in outline), part)
    except (AssertionError, TypeError, ValueError, OverflowError):
        return None, 0.0
    return coco_mask.decode(coco_mask.frPyObjects([outline], height, width)[0]) != 0, max(map(abs, outline))


def _runs(part: dict[str, Any], height: int, width: int) -> np.ndarray:
    counts = part["counts"]
    need(isinstance(part["size"], list | tuple), part)
    need([whole(side) for side in part["size"]] == [height, width], part["size"])
    if isinstance(counts, str | bytes):
        counts = counts.encode() if isinstance(counts, str) else counts
        plain = _unpacked(counts)
        need(min(plain, default=-1) >= 0 and sum(plain) == height * width, counts)
        code = {"size": [height, width], "counts": counts}
    else:
        need(isinstance(counts, list), counts)
        plain = [-1 if whole(count) is None else whole(count) for count in counts]
        need(min(plain, default=-1) >= 0 and sum(plain) == height * width, counts)
        code = coco_mask.frPyObjects({"size": [height, width], "counts": plain}, height, width)
    mask = coco_mask.decode(code)
    need(coco_mask.area(code) == mask.sum(), code)
    return np.asarray(mask != 0)


def _unpacked(counts: bytes) -> list[int]:
    """As in rleFrString of maskApi.c, in Python's own numbers."""
    plain: list[int] = []
    at = 0
    while at < len(counts):
        bits, more = [], True
        while more:
            code = counts[at] - 48
            need(0 <= code < 64 and len(bits) < 8, counts)
            bits.append(code & 31)
            more, at = bool(code & 32), at + 1
            need(at < len(counts) or not more, counts)
        value = sum(bit << 5 * place for place, bit in enumerate(bits)) - (bits[-1] >> 4 << 5 * len(bits))
        plain.append(value + (plain[-2] if len(plain) > 2 else 0))
    return plain
