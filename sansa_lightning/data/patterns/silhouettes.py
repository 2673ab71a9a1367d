"""Random silhouettes: the reach of an object in each direction from its centre."""

from __future__ import annotations

import numpy as np

from sansa_lightning.data.patterns.draws import Draws, Floats, cosine, sine

DIRECTIONS = 512
"""Directions of a silhouette, counted in equal steps of the full turn."""

_TURNS = np.arange(DIRECTIONS) / DIRECTIONS


def silhouette(draws: Draws) -> Floats:
    """One silhouette: a smooth blob (two of three) or a polygon of 3 to 7 corners.

    Returns:
        Reach in each direction, float64 [DIRECTIONS], scaled to a root mean square of 1: its area is pi.
    """
    reach = _blob(draws) if draws.chance(0.65) else _polygon(draws)
    squares = np.rint(reach * reach * (1 << 20)).astype(np.int64)
    turned = np.roll(reach, draws.integer(0, DIRECTIONS))
    scaled: Floats = turned / np.sqrt(int(squares.sum()) / (DIRECTIONS << 20))
    return scaled


def wobble(reach: Floats, amplitude: float, phase: float) -> Floats:
    """The same silhouette, stretched by up to ``amplitude`` along one axis and pressed across it.

    Args:
        reach: float64 [DIRECTIONS].
        amplitude: share of the reach, 0 to 1.
        phase: direction of the stretch in turns; half a turn is the same direction.
    """
    return reach * (1 + amplitude * cosine(2 * (_TURNS - phase)))


def _blob(draws: Draws) -> Floats:
    reach = np.ones(DIRECTIONS)
    for frequency in range(1, draws.integer(3, 7)):
        swing = draws.number(-0.2, 0.2) + draws.number(-0.2, 0.2)
        reach = reach + swing * cosine(frequency * _TURNS + draws.number(0, 1))
    return np.minimum(np.maximum(reach, 0.45), 1.8)


def _polygon(draws: Draws) -> Floats:
    """Where the ray of each direction meets the edge between its two corners."""
    count = draws.integer(3, 8)
    turns = (np.arange(count) + draws.uniform(-0.17, 0.17, count)) / count + 0.5 / count
    radii = draws.uniform(0.75, 1.25, count)
    x, y = radii * cosine(turns), radii * sine(turns)
    after = np.searchsorted(turns, _TURNS) % count
    before = after - 1
    edge_x, edge_y = x[after] - x[before], y[after] - y[before]
    area = x[before] * y[after] - y[before] * x[after]
    return area / (cosine(_TURNS) * edge_y - sine(_TURNS) * edge_x)
