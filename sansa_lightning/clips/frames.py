"""Frames travel as uint8, a quarter of the bytes of floats, and are normalised where they are encoded."""

from __future__ import annotations

import torch
from torch import Tensor

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


def normalise(frames: Tensor) -> Tensor:
    """ImageNet-normalised frames, on their own device; floats are taken as normalised already.

    Args:
        frames: uint8 [..., 3, H, W], or float32 of that shape.

    Returns:
        float32 [..., 3, H, W].
    """
    if frames.dtype != torch.uint8:
        return frames
    # The divisors are tensors on the device: a GPU divides by a plain number by multiplying with its reciprocal, which
    # rounds differently, and the same clips would give other logits than on a CPU.
    white, mean, std = (_planes(values, frames.device) for values in ((255.0,), IMAGENET_MEAN, IMAGENET_STD))
    return frames.float().div_(white).sub_(mean).div_(std)


def _planes(values: tuple[float, ...], device: torch.device) -> Tensor:
    """float32 [C, 1, 1], filled on the device: a copy from here would make the CPU wait for the GPU."""
    return torch.stack([torch.full((1, 1), value, dtype=torch.float32, device=device) for value in values])
