"""Tracking J against a loop."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from sansa_lightning.metrics.tracking import TrackingJ, TrackingScore, frame_ious


def masks(seed: int, *shape: int) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    truth = torch.randint(0, 2, shape, generator=generator, dtype=torch.uint8)
    truth[torch.rand(shape, generator=generator) < 0.1] = 255
    return torch.rand(shape, generator=generator) < 0.5, truth


def by_loop(prediction: torch.Tensor, truth: torch.Tensor) -> list[float]:
    found = []
    for p, t in zip(prediction.numpy().reshape(-1, 6, 5), truth.numpy().reshape(-1, 6, 5), strict=True):
        valid = t != 255
        found.append(np.logical_and(p, t == 1)[valid].sum() / np.logical_or(p, t == 1)[valid].sum())
    return found


def test_is_the_mean_of_the_frames_ious():
    prediction, truth = masks(0, 4, 3, 6, 5)
    metric = TrackingJ()
    for first in (0, 2):
        metric.update(prediction[first : first + 2], truth[first : first + 2])
    assert metric.compute() == (pytest.approx(np.mean(by_loop(prediction, truth))), 12)


def test_leaves_out_clips_that_fill_up():
    prediction, truth = masks(1, 3, 2, 6, 5)
    metric = TrackingJ()
    metric.update(prediction, truth, torch.tensor([True, False, True]))
    kept = by_loop(prediction[[0, 2]], truth[[0, 2]])
    assert metric.compute() == (pytest.approx(np.mean(kept)), 4)


def test_frames_without_an_object():
    nothing = torch.zeros(1, 2, 2, dtype=torch.uint8)
    assert frame_ious(nothing.bool(), nothing).tolist() == [1.0]
    assert frame_ious(~nothing.bool(), nothing).tolist() == [0.0]
    assert TrackingJ().compute() == TrackingScore(0.0, 0)


def test_refuses_other_shapes_and_types():
    prediction, truth = masks(2, 1, 2, 6, 5)
    for wrong in (prediction[:, :1], prediction.float()):
        with pytest.raises(ValueError, match=r"TrackingJ\.update: expected a bool prediction and a uint8 truth of one"):
            TrackingJ().update(wrong, truth)
