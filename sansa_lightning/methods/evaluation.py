"""Methods for evaluation alone, which add something to propagation when they segment a target."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, NoReturn

import torch
from torch import Tensor

from sansa_lightning.clips.batch import ClipBatch
from sansa_lightning.methods.base import Masks, Method
from sansa_lightning.methods.propagation import Reading
from sansa_lightning.methods.sansa import Sansa
from sansa_lightning.trackers.base import Tracker


class EvaluationMethod(Sansa):
    """Prompt-and-propagate with a subclass's addition for each target.

    Arguments as for :class:`Sansa`.
    """

    @classmethod
    def trained_as(cls) -> type[Method]:
        """SANSA: only evaluation differs."""
        return Sansa

    def check(self, stage: str, data: Any) -> None:
        """Refuse to train."""
        if stage == "fit":
            refuse_training(self)

    def forward(self, tracker: Tracker, batch: ClipBatch, propagate_targets: bool) -> Masks:
        """See :meth:`Method.forward`; each target is segmented from the references alone.

        Raises:
            ValueError: ``propagate_targets`` is true.
        """
        if propagate_targets:
            refuse_training(self)
        reading = self.propagation.read(tracker, batch.images, batch.prompts)
        low = torch.cat([reading.answers, self._segment(tracker, batch, reading)], dim=1)
        return Masks.of(low, (batch.masks.shape[-2], batch.masks.shape[-1]))

    @abstractmethod
    def _segment(self, tracker: Tracker, batch: ClipBatch, reading: Reading) -> Tensor:
        """The decoder's logits of the targets, float32 [B, N, 4h, 4w]."""


def refuse_training(method: Method) -> NoReturn:
    """Refuse to train a method that is for evaluation alone.

    Raises:
        ValueError: always.
    """
    name = type(method).__name__
    msg = f"model.method: expected one that trains, such as Sansa, but got {name}, which is for evaluation alone"
    raise ValueError(msg)
