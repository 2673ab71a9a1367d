"""Pattern tiles for pretraining: four families of random content that share no function with the classes.

A pretraining tile is a number, not a class: nothing here is drawn by a rule of
:mod:`sansa_lightning.data.patterns.families`, and neither module imports the other. Both stand on the
geometry in :mod:`sansa_lightning.data.patterns.fields`.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from sansa_lightning.data.patterns.draws import Draws, Floats, cosine, sine
from sansa_lightning.data.patterns.fields import (
    PERIODS,
    Family,
    U,
    V,
    centred,
    lattice,
    nearest,
    polygon,
    scatter,
    strokes,
)

Figure = Callable[[Floats, Floats], Floats]
"""Offsets (x, y) from its centre to the heights of a figure, which fits in the unit circle."""


def ornaments(draws: Draws) -> Floats:
    """A random figure, repeated on a slanting lattice: rows go aside by thirds, which no class does."""
    right, down = (1.0, 1.2, 1.5, 2.0)[draws.integer(0, 4)], (1.0, 2.0)[draws.integer(0, 2)]
    x, y = lattice(right, down, shift=(1 + draws.integer(0, 2)) / 3)
    return _figure(draws)(x / right * 2, y / down * 2)


def ripples(draws: Draws) -> Floats:
    """A sum of a few plane waves in random directions."""
    count = draws.integer(3, 7)
    heights = np.zeros_like(U)
    for right, down in draws.integers(-8, 9, count, 2):
        wave = cosine((int(right) * U + int(down) * V) / PERIODS + draws.number(0, 1))
        heights = heights + draws.number(0.4, 1.0) * wave
    return heights


def barcodes(draws: Draws) -> Floats:
    """Bars of random widths, leaning and bent."""
    across = U + draws.integer(-1, 2) * V
    across = across + draws.number(0.1, 0.6) * sine(draws.integer(1, 4) * V / PERIODS + draws.number(0, 1))
    middles = np.arange(7) * (PERIODS / 7) + draws.uniform(-0.3, 0.3, 7)
    widths = draws.uniform(0.0, 0.4, 7)
    bars = zip(middles, widths, strict=True)
    return -nearest(np.abs(centred(across - middle, PERIODS)) - width for middle, width in bars)


def debris(draws: Draws) -> Floats:
    """A random figure, strewn in random sizes and directions."""
    figure, free = _figure(draws), draws.chance(0.5)
    side = draws.integer(4, 7)
    pieces = []
    for x, y in scatter(draws, side):
        turn, size = draws.number(0, 1) * free, draws.number(1.8, 3.2) / side
        c, s = cosine(turn) / size, sine(turn) / size
        pieces.append(-figure(c * x + s * y, c * y - s * x))
    return -nearest(pieces)


def _figure(draws: Draws) -> Figure:
    """A random polygon or a random scribble of one or two strokes."""
    if draws.chance(0.5):
        count = draws.integer(4, 8)
        radii = draws.uniform(0.3, 1.0, count)
        turns = (np.arange(count) + draws.uniform(-0.35, 0.35, count)) / count
        corners = [(float(x), float(y)) for x, y in zip(radii * cosine(turns), radii * sine(turns), strict=True)]
        return lambda x, y: polygon(x, y, corners)
    lines = [draws.uniform(-0.8, 0.8, draws.integer(2, 5), 2).tolist() for _ in range(draws.integer(1, 3))]
    return lambda x, y: -strokes(x, y, lines)


FAMILIES: tuple[Family, ...] = (ornaments, ripples, barcodes, debris)
"""Tile number n is of family n % 4."""
