"""The contract of a method."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

from torch import nn

from sansa_lightning.clip import ClipBatch
from sansa_lightning.sam2.propagate import Masks
from sansa_lightning.sam2.types import SAM2Base


class Method(nn.Module, ABC):
    """How a clip becomes masks; a module, since a method may bring parameters of its own."""

    def check(self, stage: str, data: Any) -> None:
        """Refuse a run that cannot work, before anything is built.

        Args:
            stage: "fit", "validate", "test" or "predict".
            data: the datamodule.

        Raises:
            ValueError: says what would be right.
        """

    @abstractmethod
    def forward(self, sam: SAM2Base, batch: ClipBatch, propagate_targets: bool) -> Masks:
        """Logits of every frame of every clip: one step a frame for the whole batch.

        Args:
            sam: the base with its strategy.
            batch: B clips.
            propagate_targets: whether the prediction of a target becomes memory for later ones.
        """
