"""J and F, against the measures of DAVIS written another way: explicit disks, dilated masks, loops over pixels."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.ndimage import binary_dilation, gaussian_filter

from sansa_lightning.metrics.davis import boundary_f, j_and_f


def published_boundary(mask: np.ndarray) -> np.ndarray:
    """Pixel by pixel, as the published code treats the last row, the last column and the last corner."""
    height, width = mask.shape
    found = np.zeros_like(mask)
    for y in range(height):
        for x in range(width):
            right = mask[y, x + 1] if x + 1 < width else mask[y, x]
            below = mask[y + 1, x] if y + 1 < height else mask[y, x]
            corner = mask[y + 1, x + 1] if x + 1 < width and y + 1 < height else mask[y, x]
            if y == height - 1:
                found[y, x] = x + 1 < width and mask[y, x] != right
            elif x == width - 1:
                found[y, x] = mask[y, x] != below
            else:
                found[y, x] = mask[y, x] != right or mask[y, x] != below or mask[y, x] != corner
    return found


def published_f(prediction: np.ndarray, truth: np.ndarray, bound: float = 0.008) -> float:
    radius = int(np.ceil(bound * np.linalg.norm(truth.shape)))
    y, x = np.mgrid[-radius : radius + 1, -radius : radius + 1]
    disk = x**2 + y**2 <= radius**2
    found, there = published_boundary(prediction), published_boundary(truth)
    near_there, near_found = binary_dilation(there, disk), binary_dilation(found, disk)
    if not found.sum() or not there.sum():
        return 1.0 if found.sum() == there.sum() else 0.0
    precision = (found & near_there).sum() / found.sum()
    recall = (there & near_found).sum() / there.sum()
    return 0.0 if precision + recall == 0 else 2 * precision * recall / (precision + recall)


def published_j(prediction: np.ndarray, truth: np.ndarray) -> float:
    union = sum(bool(a or b) for a, b in zip(prediction.flat, truth.flat, strict=True))
    common = sum(bool(a and b) for a, b in zip(prediction.flat, truth.flat, strict=True))
    return 1.0 if not union else common / union


def blob(seed: int, size: tuple[int, int], level: float) -> np.ndarray:
    return gaussian_filter(np.random.default_rng(seed).normal(size=size), 3) > level


@pytest.mark.parametrize("size", [(30, 40), (61, 47)])
@pytest.mark.parametrize("level", [-0.02, 0.05, 0.13])
def test_measures_are_the_published_ones_on_random_masks(size, level):
    for seed in range(3):
        prediction, truth = blob(seed, size, level), blob(seed + (seed > 0) * 50, size, 0.05)
        found = j_and_f(prediction, truth)
        assert found.j == pytest.approx(published_j(prediction, truth), abs=1e-6)
        assert found.f == pytest.approx(published_f(prediction, truth), abs=1e-6)
        assert found.mean == (found.j + found.f) / 2


def test_measures_of_empty_masks():
    empty, full = np.zeros((20, 30), bool), blob(0, (20, 30), 0.05)
    for prediction, truth in ((empty, empty), (empty, full), (full, empty), (full, full)):
        same = prediction is truth
        assert j_and_f(prediction, truth) == (float(same), float(same))


def test_a_boundary_counts_within_the_radius_and_not_beyond():
    """A line that is one pixel further away than the disk reaches matches nothing."""
    size = (100, 100)
    radius = math.ceil(0.008 * math.hypot(*size))
    halves = [np.tile(np.arange(100) < edge, (100, 1)) for edge in (40, 40 + radius, 40 + radius + 1)]
    assert boundary_f(halves[0], halves[1]) == 1.0
    assert boundary_f(halves[0], halves[2]) == 0.0
