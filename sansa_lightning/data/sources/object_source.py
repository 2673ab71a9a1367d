"""Sources whose images show one object of a picture, cut out by its box."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np

from sansa_lightning.clips.episode import ClassId, ImageKey
from sansa_lightning.data.sources.base import Split
from sansa_lightning.data.sources.region_source import RegionSource
from sansa_lightning.files.messages import brief
from sansa_lightning.images.pictures import LARGEST_SIDE


def object_mark(number: int | str) -> str:
    """``#<object>``, which follows the picture's name in the name of an object's image."""
    return f"#{number}"


def box_numbers(where: str, box: Any) -> tuple[float, float, float, float]:
    """The four numbers of a box: two corners, or a corner and the size.

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
    """The pixels between two corners, cut to integers as in the released code (docs/sansa.md 4.4, 4.5)."""
    return int(x0), int(y0), int(x1), int(y1)


def picture_of(key: ImageKey) -> str:
    """The beginning of an object's key, which names its picture."""
    return str(key).rpartition("#")[0]


class ObjectSource(RegionSource):
    """A source with keys ``<split>/<file>#<object>``, one for each object of a picture.

    As in the released code, an episode draws pictures, and then one of the objects in each (docs/sansa.md 4.4, 4.5).
    """

    def __getstate__(self) -> dict[str, object]:
        """Without anything derived from the tables."""
        return super().__getstate__() | {"_objects": {}}

    def pictures_of(self, class_id: ClassId, split: Split) -> Sequence[ImageKey]:
        """The pictures that show the class, in the order of the annotation file."""
        return tuple(self._by_picture(class_id, split))

    def pick(self, picture: ImageKey, class_id: ClassId, rng: np.random.Generator, split: Split) -> ImageKey:
        """One of the objects that show the class there."""
        keys = self._by_picture(class_id, split)[str(picture)]
        return keys[int(rng.integers(len(keys)))]

    def _by_picture(self, class_id: ClassId, split: Split) -> dict[str, list[ImageKey]]:
        if (class_id, split) not in self._objects:
            found: dict[str, list[ImageKey]] = {}
            for key in self.images(class_id, split):
                found.setdefault(picture_of(key), []).append(key)
            self._objects[class_id, split] = found
        return self._objects[class_id, split]

    @cached_property
    def _objects(self) -> dict[tuple[ClassId, Split], dict[str, list[ImageKey]]]:
        return {}
