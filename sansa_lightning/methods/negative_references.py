"""Semantic negatives without training: pixels claimed by references of other classes are removed (SANSA Table 11)."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from sansa_lightning.clips.batch import ClipBatch
from sansa_lightning.clips.negatives import BatchWithNegatives
from sansa_lightning.methods.evaluation import EvaluationMethod
from sansa_lightning.methods.propagation import Reading
from sansa_lightning.trackers.base import Tracker


class NegativeReferences(EvaluationMethod):
    """Each target is segmented from its references, and once more from each negative reference alone.

    A pixel belongs to the one with the highest logit, or to the background if no logit is above 0; this is how SAM 2
    separates the objects of a video. The paper states neither the rule nor the references; the datamodule chooses them
    (``data.negatives``). A negative whose class the target does not show still claims pixels, because propagation also
    segments salient objects; compare the score of the wrong-reference control.

    Arguments as for :class:`Sansa`.
    """

    def check(self, stage: str, data: Any) -> None:
        """Refuse training, and clips without negatives."""
        super().check(stage, data)
        if getattr(data, "negatives", None) is None:
            msg = (
                "data.negatives: expected a choice of negative references for the method NegativeReferences, "
                "ShownClasses or OtherClasses, but got null"
            )
            raise ValueError(msg)

    def _segment(self, tracker: Tracker, batch: ClipBatch, reading: Reading) -> Tensor:
        low = self.propagation.segment_targets(tracker, reading.features, reading.targets, reading.bank).mask
        claims = low[:, 0].unflatten(0, reading.targets.shape)
        return claims - self._rivals(tracker, batch, reading, torch.zeros_like(claims))

    def _rivals(self, tracker: Tracker, batch: ClipBatch, reading: Reading, background: Tensor) -> Tensor:
        """The highest logit among the background (0) and the negative references, [B, N, 4h, 4w]."""
        if not isinstance(batch, BatchWithNegatives):
            msg = f"NegativeReferences: expected clips with negatives, but got a {type(batch).__name__}"
            raise ValueError(msg)
        owned = [(owner, one) for owner, negatives in enumerate(batch.negatives) for one in negatives]
        if not owned:
            return background
        owners = torch.tensor([owner for owner, _ in owned], device=background.device)
        features = tracker.encode(torch.stack([one.image for _, one in owned]), self.propagation.encode_chunk)
        alone = torch.arange(len(owned), device=background.device)[:, None]
        size = (batch.masks.shape[-2], batch.masks.shape[-1])
        _, bank = self.propagation.read_references(tracker, features, alone, [[one.prompt] for _, one in owned], size)
        targets = reading.targets[owners]
        low = self.propagation.segment_targets(tracker, reading.features, targets, bank).mask
        rivals = low[:, 0].unflatten(0, targets.shape)
        return background.scatter_reduce(0, owners.reshape(-1, 1, 1, 1).expand_as(rivals), rivals, "amax")
