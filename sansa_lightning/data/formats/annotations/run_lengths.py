"""Masks as COCO's compressed run lengths: checked and converted from every form in annotation files, and back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sansa_lightning.data.formats.annotations.entry_ids import whole
from sansa_lightning.files.messages import brief
from sansa_lightning.images.pictures import LARGEST_SIDE

LARGEST_AREA = 1 << 28
"""Pixels of a mask, one byte each; Pillow decodes no picture that is much larger than half of it."""


_LEAST_NUMBERS = 6
"""Of an outline: three points."""

_LONGEST_SHIFT = 35
"""Bits before the last character of a number, in compressed run lengths of at most 32 bits."""

_LONGEST_EMPTY = 7
"""Characters of the largest number."""


def is_size(height: int | None, width: int | None) -> bool:
    """Whether these can be the sides of a picture, within the limits."""
    if height is None or width is None:
        return False
    return 0 < height <= LARGEST_SIDE and 0 < width <= LARGEST_SIDE and height * width <= LARGEST_AREA


def of_array(mask: NDArray[Any], height: int, width: int) -> bytes:
    """Compressed run lengths of an array [H, W], non-zero on the object.

    Raises:
        ValueError: it has another size, or holds no numbers.
    """
    from pycocotools import mask as coco_mask

    if mask.shape != (height, width):
        msg = f"expected an array of size [{height}, {width}], but got {list(mask.shape)}"
        raise ValueError(msg)
    if mask.dtype.kind not in "buif" or not np.isfinite(mask).all():
        msg = f"expected an array of numbers or truth values, but got {brief(mask)}"
        raise ValueError(msg)
    return bytes(coco_mask.encode(np.asfortranarray(mask != 0, np.uint8))["counts"])


def polygon(part: Any) -> tuple[NDArray[np.float64], float] | None:
    """The numbers x, y, x, y, ... of an outline of three points or more, and the largest absolute value among them.

    Numbers written as text count, as they do for pycocotools. None if it is no outline.
    """
    try:
        points = np.asarray(part, np.float64)
    except (TypeError, ValueError, OverflowError):
        return None
    if points.ndim != 1 or len(points) < _LEAST_NUMBERS or len(points) % 2:
        return None
    furthest = float(np.abs(points).max())
    return (points, furthest) if furthest <= LARGEST_SIDE else None


def of_polygon(points: NDArray[np.float64], height: int, width: int) -> bytes:
    """Compressed run lengths of an outline, see :func:`polygon`."""
    from pycocotools import mask as coco_mask

    return bytes(coco_mask.frPyObjects([points.tolist()], height, width)[0]["counts"])


def of_counts(segmentation: dict[Any, Any], height: int, width: int) -> bytes:
    """Compressed run lengths from COCO's form, a dict with ``size`` and compressed or plain ``counts``.

    Raises:
        ValueError: they are for an image of another size, or damaged.
    """
    from pycocotools import mask as coco_mask

    size = segmentation.get("size")
    if not isinstance(size, list | tuple) or [whole(side) for side in size] != [height, width]:
        msg = f"expected run lengths of size [{height}, {width}], but got {brief(segmentation)}"
        raise ValueError(msg)
    counts = segmentation.get("counts")
    if isinstance(counts, str):
        counts = counts.encode("utf-8", "replace")  # characters beyond ASCII are refused
    plain: Any = _unpack(counts) if isinstance(counts, bytes) else _whole_numbers(counts)
    # Decoding run lengths that end early would silently give whatever was in memory.
    if plain is None or sum(plain) != height * width:
        got = brief(counts if plain is None else sum(plain))
        msg = f"expected run lengths that add up to {height * width} pixels, but got {got}"
        raise ValueError(msg)
    if isinstance(counts, bytes):
        return counts
    return bytes(coco_mask.frPyObjects({"size": [height, width], "counts": plain}, height, width)["counts"])


def covers(runs: bytes, height: int, width: int) -> bool:
    """Whether an outline that :func:`of_polygon` drew has a pixel inside; quicker than its area."""
    # All background is a single run, which takes few characters.
    return len(runs) > _LONGEST_EMPTY or area(runs, height, width) > 0


def union(parts: Sequence[bytes], height: int, width: int) -> bytes:
    """Run lengths of the union of the ``parts``."""
    if len(parts) == 1:
        return parts[0]
    from pycocotools import mask as coco_mask

    return bytes(coco_mask.merge([{"size": [height, width], "counts": part} for part in parts])["counts"])


def decode(runs: bytes, height: int, width: int) -> NDArray[np.uint8]:
    """The mask, uint8 [H, W] in {0, 1}."""
    from pycocotools import mask as coco_mask

    return np.asarray(coco_mask.decode({"size": [height, width], "counts": runs}), np.uint8)


def area(runs: bytes, height: int, width: int) -> int:
    """The mask's number of pixels."""
    from pycocotools import mask as coco_mask

    return int(coco_mask.area({"size": [height, width], "counts": runs}))


def visible_area(runs: bytes, size: Sequence[int], window: Sequence[int]) -> int:
    """The mask's number of pixels, or 0 if none of them is in the window.

    Args:
        runs: of the mask.
        size: (H, W) of the picture.
        window: (x0, y0, x1, y1), within the picture; x1 and y1 exclusive.
    """
    from pycocotools import mask as coco_mask

    height, width = size
    x0, y0, x1, y1 = window
    pixels = area(runs, height, width)
    if x0 >= x1 or y0 >= y1 or not pixels:
        return 0
    if (x0, y0, x1, y1) == (0, 0, width, height):
        return pixels
    left, top, wide, high = coco_mask.toBbox({"size": [height, width], "counts": runs}).tolist()
    if left >= x0 and top >= y0 and left + wide <= x1 and top + high <= y1:
        return pixels
    return pixels if decode(runs, height, width)[y0:y1, x0:x1].any() else 0


def overlaid(parts: Sequence[bytes], height: int, width: int) -> NDArray[np.int16]:
    """Masks laid over each other, int16 [H, W]: k + 1 on the k-th, 0 on none; the smaller one where they overlap."""
    numbers = np.zeros((height, width), np.int16)
    for place in sorted(range(len(parts)), key=lambda place: -area(parts[place], height, width)):
        numbers[decode(parts[place], height, width) == 1] = place + 1
    return numbers


def _whole_numbers(counts: Any) -> list[int] | None:
    """Plain run lengths; None unless all of them are whole numbers."""
    numbers = [whole(count) for count in counts] if isinstance(counts, list) else [None]
    found = [number for number in numbers if number is not None and number >= 0]
    return found if len(found) == len(numbers) else None


def _unpack(counts: bytes) -> list[int] | None:
    """Plain run lengths: five bits per character, lowest first; from the fourth on, the difference to two before."""
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
    return None if shift or min(plain, default=0) < 0 else plain
