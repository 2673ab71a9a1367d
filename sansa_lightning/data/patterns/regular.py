"""Families of the benchmark whose tiles differ only by a little: repeated marks, lines and walls."""

from __future__ import annotations

import numpy as np

from sansa_lightning.data.patterns.draws import Draws, Floats, cosine, sine
from sansa_lightning.data.patterns.fields import (
    PERIODS,
    U,
    V,
    centred,
    lattice,
    length,
    strokes,
    two_nearest,
)


def stripes(draws: Draws) -> Floats:
    """Straight lines."""
    return -np.abs(centred(U + draws.number(0, 1), 1))


def waves(draws: Draws) -> Floats:
    """Lines that swing as a sine."""
    return -np.abs(centred(U + draws.number(0.32, 0.42) * sine(V / 2), 1))


def zigzag(draws: Draws) -> Floats:
    """Lines of straight pieces with sharp turns."""
    return -np.abs(centred(V + draws.number(1.5, 1.8) * np.abs(centred(U, 1.5)), 1))


def ladder(draws: Draws) -> Floats:
    """Pairs of rails with rungs between them, and gaps between the ladders."""
    rail = draws.number(0.6, 0.66)
    x, y = lattice(2, 0.75)
    return -np.minimum(np.abs(np.abs(x) - rail), np.maximum(np.abs(y), np.abs(x) - rail))


def grid(draws: Draws) -> Floats:
    """Lines in both directions."""
    x, y = lattice(1)
    return -np.minimum(np.abs(x), np.abs(y) * draws.number(0.9, 1.1))


def checker(draws: Draws) -> Floats:
    """A chessboard."""
    x, y = lattice(1)
    dark = centred(np.floor(U) + np.floor(V), 2) < 0
    from_middle = np.maximum(np.abs(x), np.abs(y) * draws.number(0.95, 1.05))
    return np.where(dark, from_middle - 1, -from_middle)


def bricks(draws: Draws) -> Floats:
    """The mortar of a brick wall."""
    x, y = lattice(1.5, 0.75, shift=0.5)
    return np.maximum(np.abs(y) - 0.375, (np.abs(x) - 0.75) * draws.number(0.9, 1.1))


def honeycomb(draws: Draws) -> Floats:
    """Walls of hexagonal cells."""
    wide = 1.2
    cells = [(j % 2 * wide / 2 + i * wide, j + draws.number(-0.05, 0.05)) for j in range(6) for i in range(5)]
    first, second = two_nearest(length(centred(U - x, PERIODS), centred(V - y, PERIODS)) for x, y in cells)
    return first - second


def dots(draws: Draws) -> Floats:
    """Discs."""
    x, y = lattice(1)
    return -length(x, y * draws.number(0.9, 1.1))


def rings(draws: Draws) -> Floats:
    """Circles."""
    return -np.abs(length(*lattice(1.5)) - draws.number(0.46, 0.52))


def squares(draws: Draws) -> Floats:
    """Outlines of squares."""
    x, y = lattice(1.5)
    return -np.abs(np.maximum(np.abs(x), np.abs(y)) - draws.number(0.44, 0.5))


def diamonds(draws: Draws) -> Floats:
    """Tall lozenges."""
    x, y = lattice(1, 2)
    return -(np.abs(x) * draws.number(1.9, 2.3) + np.abs(y))


def triangles(draws: Draws) -> Floats:
    """Triangles that point up."""
    x, y = lattice(1.5, shift=0.5)
    return -np.maximum(y, np.abs(x) * draws.number(1.6, 1.9) - y - 0.4)


def halfmoons(draws: Draws) -> Floats:
    """Half discs, flat side up."""
    x, y = lattice(2, 1, shift=0.5)
    flat = draws.number(0.3, 0.34)
    return np.minimum(0.7 - length(x, y + flat), (y + flat) * 2)


def bowties(draws: Draws) -> Floats:
    """Two triangles, tip to tip."""
    x, y = lattice(2, 1.5, shift=0.5)
    return -np.maximum(np.abs(y) - np.abs(x) * draws.number(0.75, 0.85), np.abs(x) - 0.84)


def stars(draws: Draws) -> Floats:
    """Five-pointed stars: a point is inside if it is inside four of the sides of a pentagon."""
    x, y = lattice(2, 1.5, shift=0.5)
    turn = draws.number(-0.02, 0.02)
    sides = [x * sine(k / 5 + turn) + y * cosine(k / 5 + turn) for k in range(5)]
    fourth: Floats = np.sort(np.stack(sides), axis=0)[3]
    return -fourth


def plus(draws: Draws) -> Floats:
    """Upright crosses."""
    x, y = (np.abs(offset) for offset in lattice(1.5, shift=0.5))
    arm = draws.number(0.3, 0.36)
    return -np.minimum(np.maximum(x - arm, y), np.maximum(y - arm, x))


def letters(draws: Draws) -> Floats:
    """The letter E."""
    x, y = lattice(1.5)
    right, half = draws.number(0.3, 0.36), 0.5
    outline = [(right, -half), (-0.33, -half), (-0.33, half), (right, half)]
    return -strokes(x, y, [outline, [(-0.33, 0.0), (right, 0.0)]])


def arrows(draws: Draws) -> Floats:
    """Arrows that point right."""
    x, y = lattice(2, 1.5, shift=0.5)
    back = draws.number(0.0, 0.1)
    head = [(back, -0.5), (0.65, 0.0), (back, 0.5)]
    return -strokes(x, y, [head, [(-0.7, 0.0), (0.65, 0.0)]])


def dotstripe(draws: Draws) -> Floats:
    """Lines and rows of dots in turn."""
    x, y = lattice(2, 1)
    line = np.abs(centred(U, 2)) + draws.number(0.14, 0.18)
    return -np.minimum(line, length(x, y))


def pinwheel(draws: Draws) -> Floats:
    """Rays from centres."""
    real, imaginary = _unit(*lattice(3))
    for _ in range(3):
        real, imaginary = real * real - imaginary * imaginary, 2 * real * imaginary
    turn = draws.number(-0.06, 0.06)
    return real * cosine(turn) + imaginary * sine(turn)


def targets(draws: Draws) -> Floats:
    """Circles around circles."""
    return cosine(length(*lattice(3)) / draws.number(0.72, 0.8))


def swirls(draws: Draws) -> Floats:
    """Four arms that wind out of centres."""
    x, y = lattice(3)
    real, imaginary = _unit(x, y)
    for _ in range(2):
        real, imaginary = real * real - imaginary * imaginary, 2 * real * imaginary
    turn = length(x, y) * draws.number(0.75, 0.85)
    return real * cosine(turn) + imaginary * sine(turn)


def scales(draws: Draws) -> Floats:
    """Fish scales: rims of discs, each row lying over the next."""
    radius = draws.number(0.8, 0.84)
    row = np.floor(V / 0.75)
    upper, lower = (
        length(centred(U - 0.375 * 2 * (r - 2 * np.floor(r / 2)), 1.5), V - 0.75 * r) for r in (row, row + 1)
    )
    return np.where(upper < radius, upper, lower)


def basket(draws: Draws) -> Floats:
    """Blocks of three bars, upright and lying in turn."""
    phase = draws.number(-0.05, 0.05)
    block = np.floor(U / 1.5) + np.floor(V / 1.5)
    upright = block - 2 * np.floor(block / 2) > 0
    return -np.abs(centred(np.where(upright, U, V) + 0.25 + phase, 0.5))


def _unit(x: Floats, y: Floats) -> tuple[Floats, Floats]:
    size = length(x, y) + 1e-9
    return x / size, y / size
