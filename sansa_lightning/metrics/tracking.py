"""Tracking J: the mean IoU of a tracked object's masks (the "J" of DAVIS, on clips of one object)."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor
from torchmetrics import Metric

from sansa_lightning.images.object_masks import IGNORE


def frame_ious(prediction: Tensor, truth: Tensor) -> Tensor:
    """IoU of each frame, float64 in [0, 1]; 1 if neither mask has a pixel.

    Args:
        prediction: bool [..., H, W].
        truth: uint8 [..., H, W] in {0, 1, 255}; pixels of 255 are left out.

    Example:
        >>> frame_ious(torch.tensor([[True, True, False]]), torch.tensor([[1, 0, 255]], dtype=torch.uint8)).item()
        0.5
    """
    found = prediction & (truth != IGNORE)
    there = truth == 1
    intersection = (found & there).flatten(-2).sum(-1).double()
    union = (found | there).flatten(-2).sum(-1).double()
    return torch.where(union > 0, intersection / union.clamp(min=1), 1.0)


class TrackingScore(NamedTuple):
    """The result of a :class:`TrackingJ`.

    Attributes:
        j: mean IoU of the target frames, in [0, 1]; 0 if there are none.
        frames: number of target frames.
    """

    j: float
    frames: int

    def as_plain(self) -> dict[str, Any]:
        """As plain values, for JSON."""
        return self._asdict()


class TrackingJ(Metric):
    """Mean IoU over all target frames."""

    is_differentiable = False
    higher_is_better = True
    full_state_update = False

    total: Tensor
    frames: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.add_state("total", torch.zeros((), dtype=torch.float64), dist_reduce_fx="sum")
        self.add_state("frames", torch.zeros((), dtype=torch.int64), dist_reduce_fx="sum")

    def update(self, prediction: Tensor, truth: Tensor, scored: Tensor | None = None) -> None:
        """Count the targets of B clips.

        Args:
            prediction: bool [B, N, H, W].
            truth: uint8 [B, N, H, W] in {0, 1, 255}.
            scored: bool [B]; False for clips that must not be counted. All are if None.

        Raises:
            ValueError: shapes or types do not fit.
        """
        fits = prediction.shape == truth.shape and prediction.ndim == 4
        if not fits or (prediction.dtype, truth.dtype) != (torch.bool, torch.uint8):
            msg = (
                f"TrackingJ.update: expected a bool prediction and a uint8 truth of one shape [B, N, H, W], but got "
                f"{prediction.dtype} {list(prediction.shape)} and {truth.dtype} {list(truth.shape)}"
            )
            raise ValueError(msg)
        ious = frame_ious(prediction, truth)
        if scored is not None:
            ious = ious[scored]
        self.total = self.total + ious.sum()
        self.frames = self.frames + ious.numel()

    def compute(self) -> TrackingScore:
        """The score of all frames counted since the last reset, over all processes."""
        frames = int(self.frames)
        return TrackingScore(float(self.total) / max(frames, 1), frames)
