"""Families of the benchmark whose tiles are all different: the same rule with other random numbers."""

from __future__ import annotations

import numpy as np

from sansa_lightning.data.patterns.draws import Draws, Floats, cosine, sine
from sansa_lightning.data.patterns.fields import (
    PERIODS,
    U,
    V,
    lattice,
    length,
    nearest,
    scatter,
    segment,
    two_nearest,
)


def truchet(draws: Draws) -> Floats:
    """Quarter circles that join at random."""
    x, y = lattice(1)
    x = x * _per_cell(draws.integers(0, 2, PERIODS, PERIODS) * 2 - 1, 1)
    corners = (length(x - 0.5, y - 0.5), length(x + 0.5, y + 0.5))
    return -nearest(np.abs(corner - 0.5) for corner in corners)


def maze(draws: Draws) -> Floats:
    """Diagonal walls, each leaning at random."""
    x, y = lattice(1)
    x = x * _per_cell(draws.integers(0, 2, PERIODS, PERIODS) * 2 - 1, 1)
    corners = (np.abs(x - 0.5) + np.abs(y - 0.5), np.abs(x + 0.5) + np.abs(y + 0.5))
    return -np.minimum(np.abs(x + y), nearest(corners))


def cracks(draws: Draws) -> Floats:
    """Walls of random cells."""
    first, second = two_nearest(length(x, y) for x, y in scatter(draws, 5))
    return first - second


def blots(draws: Draws) -> Floats:
    """Large drops that run together."""
    falloff = [0.06 + x * x + y * y for x, y in scatter(draws, 4)]
    total = 1 / (falloff[0] * falloff[0])
    for distance in falloff[1:]:
        total = total + 1 / (distance * distance)
    return total


def mosaic(draws: Draws) -> Floats:
    """Small square stones, dark or light at random."""
    return _per_cell(draws.permutation(12 * 12).reshape(12, 12), 0.5)


def sticks(draws: Draws) -> Floats:
    """Short bars in all directions."""
    turns = draws.uniform(0, 0.5, 36)
    ends = np.stack([cosine(turns), sine(turns)], axis=1) * 0.4
    lines = zip(scatter(draws, 6), ends, strict=True)
    return -nearest(segment(x, y, (-a, -b), (a, b)) for (x, y), (a, b) in lines)


def bubbles(draws: Draws) -> Floats:
    """Circles of all sizes that cross."""
    radii = draws.uniform(0.35, 0.9, 16)
    circles = zip(scatter(draws, 4), radii, strict=True)
    return -nearest(np.abs(length(x, y) - radius) for (x, y), radius in circles)


def _per_cell(values: Floats | np.ndarray, step: float) -> Floats:
    """The value of each texel's cell."""
    rows, columns = (np.floor(axis / step).astype(np.int64) for axis in (V, U))
    return values[rows, columns].astype(np.float64)
