"""Periodic height fields, and tiles made from them; the geometry that all families share.

A tile is a torus of ``PERIODS`` by ``PERIODS`` units drawn on ``TEXELS`` by ``TEXELS`` texels. A family is a function
from random numbers to heights on it. The highest texels are the figure. Its share of the tile is drawn from one
distribution for all families, so that the amount of figure colour says nothing about the class.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import pairwise

import numpy as np

from sansa_lightning.data.patterns.draws import Bytes, Draws, Floats, Integers

TEXELS = 128
"""Side of a tile in texels, a power of two."""

PERIODS = 6
"""Side of a tile in units; a period, step or spacing of a family divides it."""

SHARES = (0.34, 0.42)
"""Range of the share of a tile that the figure covers."""

Family = Callable[[Draws], Floats]
"""Random numbers to heights, float64 [TEXELS, TEXELS]."""

_CENTRES = (np.arange(TEXELS) + 0.5) * PERIODS / TEXELS
V, U = (np.ascontiguousarray(grid) for grid in np.meshgrid(_CENTRES, _CENTRES, indexing="ij"))
"""Coordinates of the texels in units, down and to the right."""


def centred(x: Floats, step: float) -> Floats:
    """Offset from the nearest multiple of ``step``, in [-step/2, step/2)."""
    return x - step * np.floor(x / step + 0.5)


def lattice(right: float, down: float | None = None, shift: float = 0.0) -> tuple[Floats, Floats]:
    """Offsets (x, y) of every texel from the centre of its cell.

    Args:
        right: width of a cell; divides ``PERIODS``.
        down: height of a cell, divides ``PERIODS``; the width if None.
        shift: offset of each row from the one above, in cells; times the number of rows it is a whole number.
    """
    down = right if down is None else down
    moved = np.floor(V / down) * (shift * right)
    return centred(U - right / 2 - moved, right), centred(V - down / 2, down)


def length(x: Floats, y: Floats) -> Floats:
    """Euclidean length; ``np.hypot`` is left to the C library and so differs between machines."""
    return np.sqrt(x * x + y * y)


def segment(x: Floats, y: Floats, start: tuple[float, float], end: tuple[float, float]) -> Floats:
    """Distance of the offsets (x, y) from a straight line between two points."""
    (ax, ay), (bx, by) = start, end
    dx, dy = bx - ax, by - ay
    along = ((x - ax) * dx + (y - ay) * dy) / (dx * dx + dy * dy + 1e-9)
    along = np.minimum(np.maximum(along, 0.0), 1.0)
    return length(x - ax - along * dx, y - ay - along * dy)


def strokes(x: Floats, y: Floats, lines: Iterable[Iterable[tuple[float, float]]]) -> Floats:
    """Distance of the offsets (x, y) from the nearest of several polylines."""
    return nearest(segment(x, y, a, b) for line in lines for a, b in pairwise(line))


def polygon(x: Floats, y: Floats, corners: Sequence[tuple[float, float]]) -> Floats:
    """Distance of the offsets (x, y) from the outline of a polygon, negative outside."""
    inside = np.zeros(x.shape, dtype=bool)
    edges = list(zip(corners, [*corners[1:], corners[0]], strict=True))
    for (ax, ay), (bx, by) in edges:
        crosses = (ay > y) != (by > y)
        inside ^= crosses & (x < ax + (y - ay) * (bx - ax) / (by - ay + 1e-9))
    outline = nearest(segment(x, y, a, b) for a, b in edges)
    return np.where(inside, outline, -outline)


def nearest(distances: Iterable[Floats]) -> Floats:
    """The element-wise least of several fields."""
    first, *others = distances
    for other in others:
        first = np.minimum(first, other)
    return first


def scatter(draws: Draws, side: int) -> Iterator[tuple[Floats, Floats]]:
    """Offsets (x, y) of every texel from each of ``side ** 2`` points, one at random in each cell of a grid."""
    step = PERIODS / side
    for k, (right, down) in enumerate(draws.uniform(0, step, side * side, 2)):
        yield centred(U - k % side * step - right, PERIODS), centred(V - k // side * step - down, PERIODS)


def two_nearest(distances: Iterable[Floats]) -> tuple[Floats, Floats]:
    """The least and the second least of several fields."""
    first = second = np.full((TEXELS, TEXELS), np.inf)
    for distance in distances:
        second = np.minimum(second, np.maximum(first, distance))
        first = np.minimum(first, distance)
    return first, second


def tile(family: Family, draws: Draws) -> Bytes:
    """One tile of a family: 255 figure, 0 ground, softened by half a texel.

    Args:
        family: the heights; numbers from ``draws`` are its parameters.
        draws: also gives the share of the figure.

    Returns:
        uint8 [TEXELS, TEXELS], periodic in both directions.
    """
    share = draws.number(*SHARES)
    figure = _highest(family(draws), share)
    for axis in (0, 1):
        figure = np.roll(figure, 1, axis) + 2 * figure + np.roll(figure, -1, axis)
    return (figure // 16).astype(np.uint8)


def _highest(heights: Floats, share: float) -> Integers:
    """255 on the highest texels, 0 on the others, and a grey in between on the border that makes the share exact.

    Straight edges that follow the texels have many texels of equal height; without the grey border, their
    families would have other shares than the rest.
    """
    levels = np.rint(heights * 4096).astype(np.int64)
    wanted = int(share * levels.size)
    border = np.partition(levels, levels.size - wanted, axis=None)[levels.size - wanted]
    above, tied = levels > border, levels == border
    missing = wanted - int(above.sum())
    values: Integers = above * 255 + tied * (255 * missing // int(tied.sum()))
    return values
