"""The measures of DAVIS (Perazzi et al. 2016): region similarity J and boundary accuracy F, of one mask at a time.

J is :func:`~sansa_lightning.metrics.tracking.frame_ious`.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from sansa_lightning.metrics.tracking import frame_ious

BOUND = 0.008
"""Distance, as a share of the picture's diagonal, within which boundary pixels match."""


class JAndF(NamedTuple):
    """J and F, in [0, 1]."""

    j: float
    f: float

    @property
    def mean(self) -> float:
        """J&F."""
        return (self.j + self.f) / 2


def j_and_f(prediction: NDArray[np.bool_], truth: NDArray[np.bool_]) -> JAndF:
    """Both measures of a mask; bool [H, W] and bool [H, W]."""
    ious = frame_ious(torch.from_numpy(prediction), torch.from_numpy(truth.astype(np.uint8)))
    return JAndF(float(ious), boundary_f(prediction, truth))


def boundary_f(prediction: NDArray[np.bool_], truth: NDArray[np.bool_], bound: float = BOUND) -> float:
    """The F measure of the boundary pixels that have one of the other mask's within a disk; 1 if neither has any.

    Args:
        prediction: bool [H, W].
        truth: bool [H, W].
        bound: radius of the disk, as a share of the diagonal; rounded up to whole pixels.
    """
    from scipy.ndimage import distance_transform_edt

    radius = math.ceil(bound * math.hypot(*truth.shape))
    found, there = boundary(prediction), boundary(truth)
    if not found.any() or not there.any():
        return float(found.any() == there.any())
    precision = (distance_transform_edt(~there)[found] <= radius).mean()
    recall = (distance_transform_edt(~found)[there] <= radius).mean()
    both = float(precision + recall)
    return 2 * float(precision) * float(recall) / both if both else 0.0


def boundary(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The pixels that differ from the one at the right, below, or at the lower right, bool [H, W]."""
    padded = np.pad(mask, ((0, 1), (0, 1)), mode="edge")
    right, below, across = padded[:-1, 1:], padded[1:, :-1], padded[1:, 1:]
    return (mask != right) | (mask != below) | (mask != across)
