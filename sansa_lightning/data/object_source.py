"""Sources that show one object of a picture at a time, cut out by its box."""

from __future__ import annotations

from typing import Any

import numpy as np

from sansa_lightning.clip import ClassId, ImageKey
from sansa_lightning.data.region_source import RegionSource
from sansa_lightning.data.run_lengths import LARGEST_SIDE
from sansa_lightning.data.sources.base import Split
from sansa_lightning.messages import brief


def object_key(split: Split, file: str, number: int) -> str:
    """``<split>/<file>#<object>``."""
    return f"{split}/{file}#{number}"


def box_numbers(where: str, box: Any) -> tuple[float, float, float, float]:
    """The four numbers of a box, corners or corner and size.

    Raises:
        ValueError: not four numbers of pixels.
    """
    try:
        numbers = [float(number) for number in box]
    except (TypeError, ValueError, OverflowError):
        numbers = []
    if len(numbers) != 4 or not all(abs(number) <= LARGEST_SIDE for number in numbers):
        msg = f"{where}: expected a box of four numbers, but got {brief(box)}"
        raise ValueError(msg)
    return numbers[0], numbers[1], numbers[2], numbers[3]


def window(x0: float, y0: float, x1: float, y1: float) -> tuple[int, int, int, int]:
    """The pixels between two corners, cut to integers as in the released code (spec 4.4, 4.5)."""
    return int(x0), int(y0), int(x1), int(y1)


def picture_of(key: ImageKey) -> str:
    """The part of an object's key that names its picture."""
    return str(key).rpartition("#")[0]


class ObjectSource(RegionSource):
    """A source whose keys are ``<split>/<file>#<object>``, several for a picture with several objects.

    The released code draws a picture and then one of its objects (spec 4.4, 4.5). Here objects are drawn, so that a
    picture with many of them comes up more often; a target is never from the picture of the first reference.
    """

    def image_count(self, class_id: ClassId, split: Split) -> int:
        """How many different pictures show the class."""
        return len({picture_of(key) for key in self.images(class_id, split)})

    def pair(
        self, reference: ImageKey, target: ImageKey, class_id: ClassId, rng: np.random.Generator, split: Split
    ) -> ImageKey:
        """The target, or another one if it is from the reference's picture (and the class has another picture)."""
        taken = picture_of(reference)
        if picture_of(target) != taken:
            return target
        others = [key for key in self.images(class_id, split) if picture_of(key) != taken]
        return others[int(rng.integers(len(others)))] if others else target
