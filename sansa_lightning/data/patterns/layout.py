"""The places of objects: random silhouettes of random size, thrown again until all are visible."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from sansa_lightning.data.patterns.canvas import Body, Coverage, cover
from sansa_lightning.data.patterns.draws import Bytes, Draws, Floats
from sansa_lightning.data.patterns.silhouettes import silhouette

AREA = (0.15, 0.32)
"""Range of an object's area as a share of the image, before the edge or another object cuts it."""

SEEN = 0.06
"""Least visible area of an object as a share of the image."""

UNHIDDEN = 0.5
"""Least share that no other object hides, of an object's area inside the image."""

_TRIES = 100
_THROWS = 24


def throw(draws: Draws, size: int, count: int) -> list[Body]:
    """Bodies of random shape, size and place; they may touch the edge and each other."""
    reaches = [silhouette(draws) for _ in range(count)]
    radii = np.sqrt(draws.uniform(*AREA, count) / np.pi) * size
    x, y = places(draws, size, radii)
    outlines = zip(x, y, radii, reaches, strict=True)
    return [Body(float(x), float(y), float(radius), reach, turn=0.0) for x, y, radius, reach in outlines]


def places(draws: Draws, size: int, radii: Floats) -> tuple[Floats, Floats]:
    """Centres (x, y) in pixels: for each object, the first free or else the freest of some random places."""
    margin = np.minimum(0.62 * radii, 0.45 * size)[:, None]
    x, y = (margin + (size - 2 * margin) * draws.uniform(0, 1, len(radii), _THROWS) for _ in range(2))
    chosen = np.zeros(len(radii), dtype=np.int64)
    for k in range(1, len(radii)):
        before = np.arange(k)
        dx = x[k][:, None] - x[before, chosen[:k]]
        dy = y[k][:, None] - y[before, chosen[:k]]
        gaps = np.sqrt(dx * dx + dy * dy) - 0.85 * (radii[k] + radii[before])
        chosen[k] = np.minimum(gaps.min(1), 0).argmax()
    everyone = np.arange(len(radii))
    return x[everyone, chosen], y[everyone, chosen]


def instance_map(size: int, coverages: Sequence[Coverage]) -> Bytes:
    """The object in front: uint8 [size, size], 0 background, k + 1 the k-th object; later ones lie on top."""
    instances = np.zeros((size, size), dtype=np.uint8)
    for number, coverage in enumerate(coverages, 1):
        instances[coverage.window][coverage.inside] = number
    return instances


def shown(coverages: Sequence[Coverage], instances: Bytes) -> tuple[Floats, Floats]:
    """The visible area of each object.

    Returns:
        Its share of the image, and its share of the area that would be visible if the object lay in front; float64
        [objects].
    """
    seen = np.bincount(instances.ravel(), minlength=len(coverages) + 1)[1:]
    whole = np.array([max(np.count_nonzero(coverage.inside), 1) for coverage in coverages])
    return seen / instances.size, seen / whole


def arrange(draws: Draws, size: int, count: int) -> tuple[list[Body], list[Coverage], Bytes]:
    """Bodies that are all visible, their coverages and the instance map.

    Raises:
        ValueError: no arrangement was found: too many objects.
    """
    for _ in range(_TRIES):
        bodies = throw(draws, size, count)
        coverages = [cover(size, body) for body in bodies]
        instances = instance_map(size, coverages)
        seen, unhidden = shown(coverages, instances)
        if seen.min() >= SEEN and unhidden.min() >= UNHIDDEN:
            return bodies, coverages, instances
    msg = f"patterns: expected a number of objects that fits into an image, but got {count}"
    raise ValueError(msg)
