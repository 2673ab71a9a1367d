"""Palettes, the colours of objects, drawn independently of their patterns."""

from __future__ import annotations

import numpy as np

from sansa_lightning.data.patterns.draws import Draws, Floats, Integers
from sansa_lightning.data.patterns.fields import centred

CONTRAST = 70
"""Least difference in luma between ground and figure, of 255."""

# A random pair has the contrast with probability 0.27, so that 1 palette in 5e8 stays below it.
_CANDIDATES = 64
_LUMA = np.array([306, 601, 117])


def palettes(draws: Draws, count: int) -> Integers:
    """Independent saturated palettes, a dark ground and a light figure each.

    Returns:
        int64 [count, 2, 3], RGB 0..255 of ground and figure.
    """
    colours = _saturated(draws, count * _CANDIDATES * 2).reshape(count, _CANDIDATES, 2, 3)
    luma = colours @ _LUMA >> 10
    contrast = np.minimum(np.abs(luma[..., 0] - luma[..., 1]), CONTRAST)
    objects = np.arange(count)
    first = contrast.argmax(1)
    chosen: Integers = colours[objects, first]
    lumas = luma[objects, first]
    swapped = lumas[:, 0] > lumas[:, 1]
    chosen[swapped] = chosen[swapped][:, ::-1]
    return chosen


def _saturated(draws: Draws, count: int) -> Integers:
    """RGB int64 [count, 3] of uniform hue, saturation in [0.5, 1) and value in [0.25, 1)."""
    hue = draws.uniform(0, 6, count, 1)
    saturation, value = draws.uniform(0.5, 1, count, 1), draws.uniform(64, 256, count, 1)
    # The usual conversion: each channel falls off linearly with its distance from the hue, in sixths of a turn.
    distance = np.abs(centred(hue - np.array([0.0, 2.0, 4.0]), 6))
    fade = np.minimum(np.maximum(distance - 1, 0), 1)
    channels: Floats = np.floor(value * (1 - saturation * fade))
    return channels.astype(np.int64)
