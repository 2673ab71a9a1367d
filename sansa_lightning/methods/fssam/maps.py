"""What FSSAM does with maps again and again: pool, compare, stretch to [0, 1], resize (docs/fssam.md 1)."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

STRETCHED = 1e-7
"""Added to the range by which :func:`stretched` divides."""

POOLED = 5e-4
"""Added to the area by which :func:`pooled` divides."""


def pooled(values: Tensor, weights: Tensor) -> Tensor:
    """Weighted mean over places, ``sum(v w) / (sum(w) + 5e-4)``; 0 where nothing has a weight.

    Args:
        values: [..., P, C].
        weights: [..., P], at least 0; leading axes broadcast.

    Returns:
        float32 [..., C].
    """
    shares = weights.float()[..., None]
    return (values.float() * shares).sum(-2) / (shares.sum(-2) + POOLED)


def likeness(values: Tensor, prototype: Tensor) -> Tensor:
    """Cosine of each place with a vector; 0 where one of them is 0.

    Args:
        values: [..., P, C].
        prototype: [..., C]; leading axes broadcast.

    Returns:
        float32 [..., P], in [-1, 1].
    """
    return F.cosine_similarity(values.float(), prototype.float()[..., None, :], dim=-1)


def stretched(values: Tensor) -> Tensor:
    """Each row, the last axis, mapped to [0, 1] by its least and largest value; 0 where a row is constant."""
    least, largest = values.amin(-1, keepdim=True), values.amax(-1, keepdim=True)
    return (values - least) / (largest - least + STRETCHED)


def resized(maps: Tensor, size: tuple[int, int]) -> Tensor:
    """Maps [G, C, h, w] at another size, bilinear, with corners aligned."""
    return F.interpolate(maps, size, mode="bilinear", align_corners=True)


def places(maps: Tensor) -> Tensor:
    """Maps [..., C, h, w] as vectors of places, [..., h·w, C]."""
    return maps.flatten(-2).transpose(-1, -2)
