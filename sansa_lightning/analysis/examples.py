"""Images of the test classes with the masks of their objects, and the features in those masks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from sansa_lightning.clips.episode import ClassId, ImageKey
from sansa_lightning.data.datamodule import EpisodeDataModule
from sansa_lightning.data.frames.resizing import Squash
from sansa_lightning.encoders.base import Encoder
from sansa_lightning.trackers.base import Tracker

CHUNK = 8
"""Images that the encoder takes at a time."""


class Example(NamedTuple):
    """An image as a clip would show it, with the mask of one class.

    Attributes:
        class_id: the class.
        key: of the image.
        image: uint8 [3, H, W], RGB.
        mask: bool [H, W], with at least one pixel.
    """

    class_id: ClassId
    key: ImageKey
    image: Tensor
    mask: Tensor


def examples(data: EpisodeDataModule, images: int) -> list[Example]:
    """The first images of each test class that show it at the size of a clip, class by class.

    Args:
        data: set up for "test".
        images: of each class; a class with fewer gives all.
    """
    (pool,) = data.pools("test")
    found: list[Example] = []
    for class_id in pool.classes:
        keys = pool.source.images(class_id, pool.split)
        found += islice((each for key in keys if (each := _example(data, key, class_id)).mask.any()), images)
    return found


def _example(data: EpisodeDataModule, key: ImageKey, class_id: ClassId) -> Example:
    image, mask = data.pools("test")[0].source.load(key, class_id)
    resizing = data.resizing or Squash()
    return Example(class_id, key, resizing.frame(image, data.size), resizing.mask(mask, data.size) == 1)


def maps_of(encoder: Encoder, tracker: Tracker, images: Iterable[Tensor]) -> Iterator[Tensor]:
    """The map of each image, float32 [C, h, w] on the CPU; one chunk of images is in memory at a time.

    Args:
        encoder: gives the features.
        tracker: of the encoder.
        images: uint8 [3, H, W], of equal size.
    """
    device, waiting = next(tracker.parameters()).device, iter(images)
    while some := list(islice(waiting, CHUNK)):
        yield from encoder(tracker, torch.stack(some).to(device)).float().cpu()


def shares(mask: Tensor, grid: tuple[int, int]) -> Tensor:
    """The share of each cell that a mask covers, float32 [h, w], of a bool mask [H, W]."""
    return F.adaptive_avg_pool2d(mask[None].float(), grid)[0]


def on_object(mask: Tensor, grid: tuple[int, int]) -> Tensor:
    """The cells of which a mask covers half, bool [h, w]; the one that it covers most, if it covers no half."""
    covered = shares(mask, grid)
    return covered >= min(0.5, float(covered.max()))


def object_vector(features: Tensor, mask: Tensor) -> Tensor:
    """The mean feature of an object, float32 [C]: each cell counts by the share of it that the object covers.

    Args:
        features: float32 [C, h, w].
        mask: bool [H, W], with at least one pixel.
    """
    weights = shares(mask, (features.shape[1], features.shape[2]))
    return (features * weights).sum((1, 2)) / weights.sum()


def object_vectors(encoder: Encoder, tracker: Tracker, shown: Sequence[Example]) -> NDArray[np.float64]:
    """The mean feature of each example's object, float64 [n, C]."""
    maps = maps_of(encoder, tracker, [each.image for each in shown])
    vectors = [object_vector(features, each.mask) for features, each in zip(maps, shown, strict=True)]
    return np.asarray(torch.stack(vectors).double())
