"""Filters: no response to flat grey, the strongest to their own grating."""

from __future__ import annotations

import math

import pytest
import torch

from sansa_lightning.pretraining.gabor import gabor_filters


def grating(size: int, wavelength: float, angle: float, phase: float = 0.0) -> torch.Tensor:
    offsets = torch.arange(size) - size // 2
    y, x = torch.meshgrid(offsets, offsets, indexing="ij")
    return torch.cos(2 * math.pi * (x * math.cos(angle) + y * math.sin(angle)) / wavelength + phase)


def test_filters_see_contrast_only():
    filters = gabor_filters(15, (4.0, 7.0, 12.0), 6, width=0.45, widest=15.0)
    assert filters.shape == (36, 15, 15)
    assert filters.sum((1, 2)).abs().max() < 1e-6
    torch.testing.assert_close(filters.abs().sum((1, 2)), torch.ones(36))


@pytest.mark.parametrize("wavelength", [0, 1, 2])
@pytest.mark.parametrize("direction", range(6))
def test_the_strongest_energy_is_that_of_the_grating_shown(wavelength, direction):
    wavelengths = (4.0, 7.0, 12.0)
    filters = gabor_filters(15, wavelengths, 6, width=0.45, widest=15.0)
    shown = grating(15, wavelengths[wavelength], math.pi * direction / 6, phase=0.7)
    energies = torch.einsum("fhw,hw->f", filters, shown).unflatten(0, (-1, 2)).square().sum(1)
    assert int(energies.argmax()) == 6 * wavelength + direction
