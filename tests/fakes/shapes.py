"""Rectangles written the ways that annotation files write masks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

Box = tuple[int, int, int, int]


def painted(boxes: list[Box], height: int, width: int) -> np.ndarray:
    """uint8 [H, W], 1 in the boxes (x0, y0, x1, y1)."""
    mask = np.zeros((height, width), np.uint8)
    for x0, y0, x1, y1 in boxes:
        mask[y0:y1, x0:x1] = 1
    return mask


def polygon(box: Box) -> list[list[float]]:
    x0, y0, x1, y1 = box
    return [[x0, y0, x1, y0, x1, y1, x0, y1]]


def plain_runs(mask: np.ndarray) -> dict[str, Any]:
    """Run lengths by columns, background first."""
    flat = np.concatenate([[False], mask.T.ravel() != 0, [mask.T.ravel()[-1] == 0]])
    ends = np.flatnonzero(flat[1:] != flat[:-1])
    return {"size": list(mask.shape), "counts": np.diff(ends, prepend=0).tolist()}


def packed_runs(mask: np.ndarray) -> dict[str, Any]:
    """Compressed run lengths, as text."""
    from pycocotools import mask as coco_mask

    return {"size": list(mask.shape), "counts": coco_mask.encode(np.asfortranarray(mask))["counts"].decode()}


def picture(path: Path, height: int, width: int, rng: np.random.Generator) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(rng.integers(0, 256, (height, width, 3), np.uint8)).save(path, quality=95)


def boxes_in(rng: np.random.Generator, window: Box, number: int) -> list[Box]:
    """Boxes of 3 pixels and more inside a window."""
    x0, y0, x1, y1 = window
    found = []
    for _ in range(number):
        left, top = int(rng.integers(x0, x1 - 3)), int(rng.integers(y0, y1 - 3))
        found.append((left, top, int(rng.integers(left + 3, x1 + 1)), int(rng.integers(top + 3, y1 + 1))))
    return found
