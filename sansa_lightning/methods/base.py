"""The contract of a method."""

from __future__ import annotations

from abc import ABC, abstractmethod

from torch import nn

from sansa_lightning.clip import ClipBatch
from sansa_lightning.sam2.propagate import Masks
from sansa_lightning.sam2.types import SAM2Base


class Method(nn.Module, ABC):
    """How a clip becomes masks; a module, since a method may bring parameters of its own."""

    @abstractmethod
    def forward(self, sam: SAM2Base, batch: ClipBatch, propagate_targets: bool) -> Masks:
        """Logits of every frame of every clip: one step a frame for the whole batch.

        Args:
            sam: the base with its strategy.
            batch: B clips.
            propagate_targets: whether the prediction of a target becomes memory for later ones.
        """
