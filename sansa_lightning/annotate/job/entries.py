"""What was found in a picture as objects of COCO's format."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sansa_lightning.annotate.found import Found
from sansa_lightning.annotate.job.polygons import polygons_of
from sansa_lightning.data.formats.annotations import run_lengths
from sansa_lightning.images.parts import connected_parts


@dataclass(frozen=True)
class Shape:
    """The form of objects.

    Attributes:
        instances: whether each connected part of a mask is an object; pixels that meet by a corner are connected.
        min_area: least number of pixels of an object.
        polygons: whether segmentations are polygons, else run lengths.
    """

    instances: bool = False
    min_area: int = 1
    polygons: bool = False


def entries_of(found: Found, shape: Shape) -> list[dict[str, Any]]:
    """The objects in a picture: their class (number), score, segmentation, area and bbox, and perhaps presence.

    A box is [x, y, width, height], as in COCO; an area is a number of pixels. Parts of a mask have its score.
    """
    return [
        {"class": number, **_scores(found, number), **_described(part, shape.polygons)}
        for number, mask in enumerate(found.masks)
        for part in (_parts(mask) if shape.instances else [mask])
        if np.count_nonzero(part) >= max(1, shape.min_area)
    ]


def _scores(found: Found, number: int) -> dict[str, float]:
    scores = {"score": round(float(found.scores[number]), 4)}
    return scores if found.presence is None else scores | {"presence": round(float(found.presence[number]), 4)}


def _parts(mask: NDArray[np.bool_]) -> Iterator[NDArray[np.bool_]]:
    numbers, count = connected_parts(mask)
    return (numbers == number for number in range(1, count + 1))


def _described(mask: NDArray[np.bool_], polygons: bool) -> dict[str, Any]:
    from pycocotools import mask as coco_mask

    height, width = mask.shape
    counts = run_lengths.of_array(mask, height, width)
    runs = {"size": [height, width], "counts": counts}
    return {
        "segmentation": polygons_of(mask) if polygons else {**runs, "counts": counts.decode("ascii")},
        "area": int(coco_mask.area(runs)),
        "bbox": [int(value) for value in coco_mask.toBbox(runs)],
    }


def mask_of(segmentation: Any, size: tuple[int, int]) -> NDArray[np.bool_]:
    """The mask of a segmentation of :func:`entries_of`, bool [H, W]."""
    if isinstance(segmentation, list):
        parts = [run_lengths.of_polygon(np.array(part), *size) for part in segmentation]
        return run_lengths.decode(run_lengths.union(parts, *size), *size) == 1
    return run_lengths.decode(segmentation["counts"].encode("ascii"), *size) == 1
