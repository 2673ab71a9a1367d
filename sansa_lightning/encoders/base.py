"""The contract of an encoder."""

from __future__ import annotations

from abc import ABC, abstractmethod

from torch import Tensor, nn

from sansa_lightning.trackers.base import Tracker


class Encoder(nn.Module, ABC):
    """Turns pictures into maps of features, which it never learns: a method freezes it and no checkpoint holds it."""

    @abstractmethod
    def forward(self, tracker: Tracker, images: Tensor) -> Tensor:
        """Features of frames, float32 [F, C, h, w], without a graph.

        Args:
            tracker: the base with its strategy, for encoders that use its own features.
            images: uint8 [F, 3, H, W], RGB, or float32, ImageNet-normalised.
        """
