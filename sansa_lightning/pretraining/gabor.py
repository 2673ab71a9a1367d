"""Gabor filters, as in early visual systems, for nano's patch embedding and as a target to predict."""

from __future__ import annotations

import math
from collections.abc import Iterable

import torch
from torch import Tensor


def gabor_filters(size: int, wavelengths: Iterable[float], orientations: int, width: float, widest: float) -> Tensor:
    """Even and odd gratings under a Gaussian, without response to flat grey and with absolute sum 1.

    Args:
        size: side of the filters in pixels, odd.
        wavelengths: of the gratings, pixels.
        orientations: number of directions, evenly over half a turn.
        width: standard deviation of the Gaussian, in wavelengths.
        widest: its upper bound, pixels.

    Returns:
        float32 [wavelengths · orientations · 2, size, size], an even and then an odd one for each.
    """
    offsets = torch.arange(size, dtype=torch.float32) - size // 2
    y, x = torch.meshgrid(offsets, offsets, indexing="ij")
    filters = []
    for wavelength in wavelengths:
        deviation = min(width * wavelength, widest)
        window = torch.exp(-(x**2 + y**2) / (2 * deviation**2))
        for direction in range(orientations):
            angle = math.pi * direction / orientations
            along = x * math.cos(angle) + y * math.sin(angle)
            for phase in (0.0, math.pi / 2):
                grating = window * torch.cos(2 * math.pi * along / wavelength + phase)
                grating = grating - window * grating.sum() / window.sum()
                filters.append(grating / grating.abs().sum())
    return torch.stack(filters)
