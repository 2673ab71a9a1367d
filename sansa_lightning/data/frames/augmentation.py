"""Augmentation of training clips: image and mask together, each frame of a clip on its own."""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

_OWN = 0x617567
"""Keeps the randomness of frames apart from that of episodes, which may have the same seed."""


class Augmentation(ABC):
    """Makes a frame of a training image by chance; resizing is part of it."""

    @abstractmethod
    def __call__(
        self, image: NDArray[np.uint8], mask: NDArray[np.uint8], size: tuple[int, int], rng: np.random.Generator
    ) -> tuple[Tensor, Tensor]:
        """A frame and its mask.

        Args:
            image: uint8 [H, W, 3], RGB, at its own size.
            mask: uint8 [H, W] in {0, 1, 255}.
            size: (H', W') of the frame.
            rng: the only randomness to use.

        Returns:
            uint8 [3, H', W'] and uint8 [H', W'] in {0, 1, 255}.
        """


def frame_randomness(seed: int, index: int, frame: int) -> np.random.Generator:
    """The randomness of one frame of one training clip: the same in any process, and after an interruption.

    Args:
        seed: of the training episodes.
        index: of the episode, counted over all epochs, so that an episode looks different in each.
        frame: position in the clip, references first.
    """
    return np.random.default_rng([_OWN, seed, index, frame])


def as_pair(frame: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
    """Torchvision's types for uint8 [3, H, W] and uint8 [H, W], by which its operations tell images from masks."""
    from torchvision import tv_tensors

    return tv_tensors.Image(frame), tv_tensors.Mask(mask[None])


def plain_pair(frame: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
    """Plain tensors uint8 [3, H, W] and [H, W] of torchvision's types, for collation."""
    return frame.as_subclass(torch.Tensor).contiguous(), mask.as_subclass(torch.Tensor)[0].contiguous()
