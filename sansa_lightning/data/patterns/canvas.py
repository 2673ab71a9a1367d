"""From shapes to pixels: coverage of an object, its painted surface, backgrounds and the camera's noise.

All pixel work is arithmetic of int32, the type ``Pixels``: colours and texture 0..255, coverage 0..256.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from sansa_lightning.data.patterns.draws import Bytes, Draws, Floats, Integers, cosine, sine
from sansa_lightning.data.patterns.fields import PERIODS, TEXELS
from sansa_lightning.data.patterns.silhouettes import DIRECTIONS

Pixels = NDArray[np.int32]

_SUBPIXELS = 2
_STEP = 1 << 16
_WRAP = TEXELS - 1
_ROW = TEXELS.bit_length() - 1


@dataclass(frozen=True, slots=True)
class Body:
    """An object's shape and place.

    Attributes:
        x: centre in pixels from the left edge; rounded to half pixels when drawn.
        y: centre in pixels from the upper edge.
        radius: pixels of reach 1; the area is pi * radius ** 2.
        reach: the silhouette, float64 [DIRECTIONS], before turning.
        turn: clockwise, in turns.
    """

    x: float
    y: float
    radius: float
    reach: Floats
    turn: float


@dataclass(frozen=True, slots=True)
class Surface:
    """A tile laid on an object, with which it moves and turns.

    Attributes:
        tile: uint8 [TEXELS, TEXELS].
        period: pixels of one unit of the tile.
        turn: clockwise, in turns.
        shift: units of the tile (right, down) at the object's centre.
    """

    tile: Bytes
    period: float
    turn: float
    shift: tuple[float, float]


@dataclass(frozen=True, slots=True)
class Coverage:
    """The pixels that an object covers, whether or not another one lies in front.

    Attributes:
        window: rows and columns of the canvas that hold the object.
        alpha: 0..256, of the window's shape.
    """

    window: tuple[slice, slice]
    alpha: Pixels

    @property
    def inside(self) -> NDArray[np.bool_]:
        """The pixels that are at least half covered, bool of the window's shape."""
        return self.alpha >= 128


@cache
def _polar(size: int) -> tuple[Integers, Pixels]:
    """Direction and distance (1/16 pixel) of every offset of a canvas, in steps of half a pixel.

    The quarter step added to the direction keeps every offset away from a tie between two directions:
    the axes and diagonals, which fall on whole steps, are the only exact ones.
    """
    half = _SUBPIXELS * size
    offsets = np.arange(-half, half + 1)
    y, x = np.meshgrid(offsets, offsets, indexing="ij")
    steps = np.arctan2(y, x) * (DIRECTIONS / (2 * np.pi))
    direction = np.floor(steps + 0.25).astype(np.int64) % DIRECTIONS
    distance = np.rint(np.sqrt((x * x + y * y).astype(np.float64)) * (16 // _SUBPIXELS)).astype(np.int32)
    return direction, distance


def cover(size: int, body: Body) -> Coverage:
    """Rasterise a silhouette with soft edges, about one pixel wide.

    Args:
        size: side of the canvas in pixels.
        body: its centre must lie on the canvas.
    """
    direction, distance = _polar(size)
    turned = np.roll(body.reach, int(np.floor(body.turn * DIRECTIONS)) % DIRECTIONS)
    reach = np.rint(turned * (16 * body.radius)).astype(np.int32)
    margin = int(reach.max()) // 16 + 2
    window, offsets = [], []
    for centre in (body.y, body.x):
        middle = int(np.floor(centre * _SUBPIXELS))
        first, last = max(middle // _SUBPIXELS - margin, 0), min(middle // _SUBPIXELS + margin, size)
        start = _SUBPIXELS * (first + size) + 1 - middle
        window.append(slice(first, last))
        offsets.append(slice(start, start + _SUBPIXELS * (last - first), _SUBPIXELS))
    rows, columns = offsets
    alpha = (reach.take(direction[rows, columns]) - distance[rows, columns]) * 16 + 128
    return Coverage((window[0], window[1]), np.minimum(np.maximum(alpha, 0), 256))


def texture(body: Body, surface: Surface, window: tuple[slice, slice]) -> Pixels:
    """The tile as seen through a window of the canvas, 0 ground to 255 figure, of the window's shape."""
    scale = TEXELS / PERIODS / surface.period * _STEP
    turn = surface.turn + body.turn
    right, down = float(cosine(turn)) * scale, float(sine(turn)) * scale
    y, x = (np.arange(s.start, s.stop) + 0.5 for s in window)
    y, x = y - body.y, x - body.x
    shift_u, shift_v = (units * (TEXELS / PERIODS) * _STEP for units in surface.shift)
    u = _fixed(x * right + shift_u)[None, :] + _fixed(y * down)[:, None]
    v = _fixed(y * right + shift_v)[:, None] - _fixed(x * down)[None, :]
    texels = ((v >> 16) & _WRAP) << _ROW | (u >> 16) & _WRAP
    return surface.tile.ravel().take(texels).astype(np.int32)


def _fixed(values: Floats) -> Pixels:
    return np.floor(values).astype(np.int32)


def paint(canvas: Pixels, coverage: Coverage, pattern: Pixels, palette: Integers) -> None:
    """Put an object on a canvas, in place.

    Args:
        canvas: int32 [3, H, W], 0..255.
        coverage: of the object.
        pattern: 0..255, of the window's shape.
        palette: int64 [2, 3], the RGB of ground and figure.
    """
    rows, columns = coverage.window
    ground, figure = palette.astype(np.int32)[:, :, None, None]
    under = canvas[:, rows, columns]
    colour = ground + ((figure - ground) * pattern >> 8)
    under += (colour - under) * coverage.alpha >> 8


def background(size: int, draws: Draws) -> Pixels:
    """A dim, nearly grey surface with soft clouds, int32 [3, size, size], 0..255."""
    base = draws.integer(60, 196) + draws.integers(-16, 17, 3)
    knots, swing = draws.integer(3, 8), draws.integer(8, 25)
    clouds = draws.integers(-swing, swing + 1, 3, knots, knots)
    weights = _interpolation(size, knots)
    # Products of integers below 2**53: exact in float64, whatever order or instruction BLAS uses.
    smooth = weights @ clouds.astype(np.float64) @ weights.T
    return (base[:, None, None] + np.floor(smooth / (1 << 16))).astype(np.int32)


@cache
def _interpolation(size: int, knots: int) -> Floats:
    """Linear interpolation from ``knots`` values to ``size`` pixels: float64 [size, knots], in 1/256."""
    place = (np.arange(size) + 0.5) / size * (knots - 1)
    distance = np.abs(place[:, None] - np.arange(knots))
    weights: Floats = np.floor(np.maximum(1 - distance, 0) * 256)
    return weights


def expose(canvas: Pixels, draws: Draws) -> Bytes:
    """A canvas as the camera sees it: with grey noise (standard deviation 5) and a brightness of +-7 %.

    Args:
        canvas: int32 [3, H, W].
        draws: the noise.

    Returns:
        uint8 RGB [H, W, 3].
    """
    _, height, width = canvas.shape
    gain = draws.integer(238, 275)
    grain = draws.bytes(2, height, width).astype(np.int16)
    noise = (grain[0] + grain[1] - 255) * 3 >> 6
    pixels = (canvas + noise) * gain >> 8
    planes = np.minimum(np.maximum(pixels, 0), 255).astype(np.uint8)
    return np.ascontiguousarray(planes.transpose(1, 2, 0))
