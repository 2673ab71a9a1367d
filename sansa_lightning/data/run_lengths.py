"""Masks as COCO's compressed run lengths: from whatever an annotation file holds, checked, and back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sansa_lightning.messages import brief

LARGEST_SIDE = 65_535
"""Pixels, as in a JPEG. pycocotools takes memory by the length of outlines: a wild coordinate would take all of it."""

LARGEST_AREA = 1 << 28
"""Pixels of a mask, which take a byte each; Pillow decodes no picture that is much larger than half of it."""


_LONGEST_SHIFT = 35
"""Bits before the last character of a number, in compressed run lengths that hold no more than 32."""


def is_size(height: Any, width: Any) -> bool:
    """Whether these are the sides of a picture, integers within the limits."""
    sides = type(height) is int and type(width) is int and 0 < height <= LARGEST_SIDE and 0 < width <= LARGEST_SIDE
    return sides and height * width <= LARGEST_AREA


def run_lengths(where: str, segmentation: Any, height: int, width: int) -> bytes:
    """Compressed run lengths of one annotation.

    Args:
        where: file and annotation, for the error.
        segmentation: polygons (lists of x, y, x, y, ...), run lengths as COCO writes them (a dict with the ``size``
            and compressed or plain ``counts``), or an array [H, W], non-zero on the object.
        height: of the image, pixels.
        width: of the image, pixels.

    Raises:
        ValueError: none of these, or for an image of another size.
    """
    if isinstance(segmentation, np.ndarray) and segmentation.ndim == 2:
        return _of_array(where, segmentation, height, width)
    if isinstance(segmentation, Sequence) and not isinstance(segmentation, str | bytes):
        return _of_polygons(where, segmentation, height, width)
    size = segmentation.get("size") if isinstance(segmentation, dict) else None
    if not isinstance(size, list | tuple) or not _are_numbers(size) or tuple(size) != (height, width):
        msg = (
            f"{where}: expected polygons, or run lengths or an array of size [{height}, {width}], "
            f"but got {brief(segmentation)}"
        )
        raise ValueError(msg)
    return _of_counts(where, segmentation, height, width)


def _are_numbers(values: Sequence[Any]) -> bool:
    return all(isinstance(value, int | float | np.number) for value in values)


def union(parts: Sequence[bytes], height: int, width: int) -> bytes:
    """Run lengths of what at least one of the ``parts`` covers."""
    from pycocotools import mask as coco_mask

    if len(parts) == 1:
        return parts[0]
    return bytes(coco_mask.merge([{"size": [height, width], "counts": part} for part in parts])["counts"])


def decode(runs: bytes, height: int, width: int) -> NDArray[np.uint8]:
    """The mask, uint8 [H, W] in {0, 1}."""
    from pycocotools import mask as coco_mask

    return np.asarray(coco_mask.decode({"size": [height, width], "counts": runs}), np.uint8)


def area(runs: bytes, height: int, width: int) -> int:
    """Pixels of the mask."""
    from pycocotools import mask as coco_mask

    return int(coco_mask.area({"size": [height, width], "counts": runs}))


def overlaid(parts: Sequence[bytes], height: int, width: int) -> NDArray[np.int16]:
    """Masks laid over each other, int16 [H, W]: k + 1 on the k-th, 0 on none; the smaller one where they overlap."""
    numbers = np.zeros((height, width), np.int16)
    for place in sorted(range(len(parts)), key=lambda place: -area(parts[place], height, width)):
        numbers[decode(parts[place], height, width) == 1] = place + 1
    return numbers


def _of_array(where: str, mask: NDArray[Any], height: int, width: int) -> bytes:
    from pycocotools import mask as coco_mask

    if mask.shape != (height, width):
        msg = f"{where}: expected an array of size [{height}, {width}], but got {list(mask.shape)}"
        raise ValueError(msg)
    if mask.dtype.kind not in "buif" or not np.isfinite(mask).all():
        msg = f"{where}: expected an array of numbers or truth values, but got {brief(mask)}"
        raise ValueError(msg)
    return bytes(coco_mask.encode(np.asfortranarray(mask != 0, np.uint8))["counts"])


def _of_polygons(where: str, segmentation: Sequence[Any], height: int, width: int) -> bytes:
    from pycocotools import mask as coco_mask

    try:
        polygons = [np.asarray(polygon) for polygon in segmentation]
    except (TypeError, ValueError):
        polygons = []
    if not polygons or not all(map(_is_polygon, polygons)):
        msg = f"{where}: expected polygons of at least three points x, y, but got {brief(segmentation)}"
        raise ValueError(msg)
    drawn = coco_mask.frPyObjects([polygon.tolist() for polygon in polygons], height, width)
    return union([part["counts"] for part in drawn], height, width)


def _is_polygon(values: NDArray[Any]) -> bool:
    points = values.ndim == 1 and len(values) >= 6 and len(values) % 2 == 0 and values.dtype.kind in "iuf"
    return points and bool((abs(values) <= LARGEST_SIDE).all())


def _of_counts(where: str, segmentation: dict[str, Any], height: int, width: int) -> bytes:
    from pycocotools import mask as coco_mask

    counts = segmentation.get("counts")
    if isinstance(counts, str):
        counts = counts.encode("ascii", "replace")
    plain: Any = _unpack(counts) if isinstance(counts, bytes) else counts
    whole = isinstance(plain, list) and all(type(count) is int and count >= 0 for count in plain)
    # Decoding run lengths that end early would give whatever was in memory, without a word.
    if not whole or sum(plain) != height * width:
        got = brief(sum(plain) if whole else counts)
        msg = f"{where}: expected run lengths that add up to {height * width} pixels, but got {got}"
        raise ValueError(msg)
    if isinstance(counts, bytes):
        return counts
    return bytes(coco_mask.frPyObjects({"size": [height, width], "counts": plain}, height, width)["counts"])


def _unpack(counts: bytes) -> list[int] | None:
    """Plain run lengths: five bits a character, lowest first, and from the fourth on the difference to two before."""
    plain: list[int] = []
    value = shift = 0
    for character in counts:
        code = character - 48
        if not 0 <= code < 64 or shift > _LONGEST_SHIFT:
            return None
        value |= (code & 31) << shift
        shift += 5
        if not code & 32:
            value -= (code & 16) << (shift - 4)
            plain.append(value + plain[-2] if len(plain) > 2 else value)
            value = shift = 0
    return None if shift else plain
