"""The meaning of the values in a mask of one class: object, background or ignored. One rule for all such masks.

- 0 and 1: 1 is the object. 0, 1 and 255: 1 is the object, 255 is ignored, as in PASCAL VOC.
- 0 and a value of 128 or more: the latter is the object. Values in between, from soft edges or a lossy format, are cut
  at 128. A map of several values is refused, as is a mask whose highest value is from 2 to 127.
- A palette picture: its indices are the values if they are 0, 1 and 255; otherwise its colours are.
- If transparency varies and all visible pixels have one colour, transparency is the mask. If it does not vary, the
  colours are the mask; in a black picture with shapes of one hue, the shapes are the object.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

IGNORE = 255
"""Mask value of pixels that take no part in a loss or a score."""


FOREGROUND = 128
"""Value from which on a pixel of a grey mask is foreground (docs/sansa.md 4.3, 4.7 to 4.9)."""

Kind = Literal["empty", "0 and 1", "0, 1 and 255", "0 and 255"]
"""The values of a mask; soft edges count as 0 and 255."""

_WITH_ALPHA = ("LA", "PA", "RGBA")
STEPS = {"L;2": 85, "L;4": 17}
"""The value that Pillow gives a 1 in grey of 2 or 4 bits."""
_COLOURED, _SAME = 32, 16
"""Difference of channels: a pixel at or above it has a hue, colours within it count as equal."""
_SAME_HUE = 0.8
"""Cosine of the largest angle between two hues that count as equal."""
_SOFT = 0.25
"""Share of smooth grey at which a mask counts as a map of many values."""

Values = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class ObjectMask:
    """A mask of one class.

    Attributes:
        mask: uint8 [H, W] in {0, 1, 255 = ignore}.
        kind: the values that it had.
        transparency: whether it was its picture's transparency.
    """

    mask: Values
    kind: Kind
    transparency: bool = False


def object_mask(picture: Image.Image, stored: str) -> ObjectMask:
    """The mask that a picture shows.

    Args:
        picture: decoded, with 8 bits a channel.
        stored: the mode in which the file stores its values, with the bits of grey: "L;2".

    Raises:
        ValueError: it is not a mask of one class; the message says what it holds, but names no file.
    """
    values, transparency = _values(picture, stored)
    mask, kind = _classified(values)
    return ObjectMask(mask, kind, transparency)


def cut(picture: Image.Image) -> Values:
    """Any picture as a mask: its grey values, cut at ``FOREGROUND``; uint8 [H, W] in {0, 1}."""
    return (np.array(picture.convert("L")) >= FOREGROUND).astype(np.uint8)


def _values(picture: Image.Image, stored: str) -> tuple[Values, bool]:
    """The values, uint8 [H, W], and whether they are the transparency."""
    if picture.mode == "P" and (found := _indices(picture)) is not None:
        return found, False
    if picture.mode in ("1", "L"):
        grey = np.array(picture if picture.mode == "L" else picture.convert("L"))
        step = STEPS.get(stored)
        return (np.where(grey == step, np.uint8(1), grey) if step else grey), False
    if picture.mode not in _WITH_ALPHA and "transparency" not in picture.info:
        return _of_colours(picture.convert("RGB")), False
    with_alpha = np.array(picture.convert("RGBA"))
    colours, alpha = with_alpha[..., :3], with_alpha[..., 3]
    lowest, highest = int(alpha.min()), int(alpha.max())
    seen = colours[alpha == highest]
    constant = bool((np.ptp(seen, axis=0) <= _SAME).all())
    if lowest == highest and not (constant and highest == 0):
        return _of_colours(picture.convert("RGB")), False
    if constant:
        return alpha, True
    raise _refused("its colours and its transparency (alpha) both vary, so either could be the mask")


def _indices(picture: Image.Image) -> Values | None:
    """The indices of a palette picture if they are its values; None if its colours are."""
    indices = np.array(picture)
    used = _found(picture)
    swatches = picture.resize((len(used), 1))  # a pixel for each index in use
    swatches.putdata(used)
    shown = np.array(swatches.convert("RGBA"))[0].astype(np.int64)
    hidden = {index for index, alpha in zip(used, shown[:, 3], strict=True) if alpha < IGNORE}
    grey = bool((np.ptp(shown[:, :3], axis=1) <= _SAME).all())
    white = shown[:, 0] >= FOREGROUND
    black_and_white = grey and bool(((shown[:, 0] <= _COLOURED) | (shown[:, 0] >= IGNORE - _COLOURED)).all())
    are_values = set(used) <= {0, 1, IGNORE} and hidden <= {0}
    if are_values and not (black_and_white and white.any() and len(used) <= 2):
        return indices
    return None if hidden or (grey and white.any()) else indices


def _of_colours(picture: Image.Image) -> Values:
    """The grey values of a picture, or its brightness if all of its colours have one hue.

    Raises:
        ValueError: it has several hues, or one hue and white.
    """
    red, green, blue = picture.split()
    if red == green == blue:
        return np.array(red)
    rgb = np.array(picture).astype(np.int16)
    coloured = np.ptp(rgb, axis=2) > _COLOURED
    brightness = rgb.max(axis=2)
    if not coloured.any():
        return np.array(picture.convert("L"))
    r, g, b = rgb[coloured].astype(np.float64).T
    hues = np.stack([r - (g + b) / 2, (g - b) * np.sqrt(0.75)], axis=1)  # points on a plane, grey at the origin
    hues /= np.linalg.norm(hues, axis=1, keepdims=True)
    if (hues @ hues[0] < _SAME_HUE).any() or (brightness[~coloured] >= FOREGROUND).any():
        found = np.unique(rgb.reshape(-1, 3), axis=0)
        colours = [tuple(map(int, each)) for each in found]
        raise _refused(f"it has colours of more than one hue: {_listed(colours)}")
    return brightness.astype(np.uint8)


def _classified(values: Values) -> tuple[Values, Kind]:
    found = _found(Image.fromarray(values))
    highest = found[-1]
    if highest == 0:
        return values, "empty"
    if set(found) <= {0, 1, IGNORE} and 1 in found:
        return values, "0 and 1" if highest == 1 else "0, 1 and 255"
    if highest < FOREGROUND:
        raise _refused(f"its highest value is {highest}, of {_listed(found)}")
    if len(set(found) - {0}) > 1 and _is_map(values):
        raise _refused(f"it is a map of the values {_listed(found)}")
    return (values >= FOREGROUND).astype(np.uint8), "0 and 255"


def _found(picture: Image.Image) -> list[int]:
    """The values of a picture of one channel, ascending."""
    return [value for value, count in enumerate(picture.histogram()) if count]


def _is_map(values: Values) -> bool:
    """Whether a mask has areas of several values on one side of ``FOREGROUND``, or smooth areas of grey.

    Soft edges and lossy formats give such values at edges alone: JPEG files of no quality had 3 x 3 pixels of one of
    them.
    """
    if min(values.shape) < 3:
        return False
    low, high = _neighbours(values)
    inside = values[1:-1, 1:-1]
    areas = np.flatnonzero(np.bincount(inside[low == high].ravel(), minlength=256))
    if (areas < FOREGROUND).sum() > 1 or (areas >= FOREGROUND).sum() > 1:
        return True
    smooth = (high - low <= _SAME) & (inside >= _COLOURED) & (inside < IGNORE - _COLOURED)
    return bool(smooth.mean() > _SOFT)


def _neighbours(values: Values) -> tuple[NDArray[np.int16], NDArray[np.int16]]:
    """The lowest and the highest value of each 3 x 3 window, int16 [H - 2, W - 2]."""
    wide = values.astype(np.int16)
    rows = [wide[i : wide.shape[0] - 2 + i] for i in range(3)]
    low, high = np.minimum.reduce(rows), np.maximum.reduce(rows)
    ends = [slice(i, wide.shape[1] - 2 + i) for i in range(3)]
    return np.minimum.reduce([low[:, each] for each in ends]), np.maximum.reduce([high[:, each] for each in ends])


def _refused(what: str) -> ValueError:
    return ValueError(f"expected a mask of 0 and 1, or of 0 and 255, but {what}")


def _listed(found: Sequence[object], most: int = 8) -> str:
    text = ", ".join(map(str, found[:most]))
    return f"{text}, ... ({len(found)} in all)" if len(found) > most else text
