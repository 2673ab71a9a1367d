"""The contract of an encoder."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Self

from torch import Tensor, nn

from sansa_lightning.trackers.base import Tracker


class Encoder(nn.Module, ABC):
    """Turns pictures into maps of features, which it never learns: a method freezes it and no checkpoint holds it.

    Its constructor only checks its arguments, so that a configuration can be read and counted without its weights.
    """

    def attach(self, tracker: Tracker) -> None:
        """Get ready: read weights, and check that the base fits. A method calls it when it is attached itself.

        Args:
            tracker: the base with its strategy, before anything was trained or loaded.

        Raises:
            FileNotFoundError: weights are missing; says where to put them.
            ValueError: weights or base do not fit.
        """
        self.requires_grad_(False).eval()

    @abstractmethod
    def forward(self, tracker: Tracker, images: Tensor) -> Tensor:
        """Features of frames, float32 [F, C, h, w], without a graph.

        Args:
            tracker: the base with its strategy, for encoders that use its own features.
            images: uint8 [F, 3, H, W], RGB, or float32, ImageNet-normalised.
        """

    def train(self, mode: bool = True) -> Self:
        """Stay in eval mode, whatever the method around it does."""
        return super().train(False)
