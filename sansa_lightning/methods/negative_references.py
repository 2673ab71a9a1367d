"""Semantic negatives without training: pixels claimed by references of other classes are removed (SANSA Table 11)."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from sansa_lightning.clips.batch import ClipBatch
from sansa_lightning.clips.negatives import BatchWithNegatives, Negative
from sansa_lightning.methods.base import Method
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
        check_choice(self, data, "negatives")

    def _segment(self, tracker: Tracker, batch: ClipBatch, reading: Reading) -> Tensor:
        low = self.propagation.segment_targets(tracker, reading.features, reading.targets, reading.bank).mask
        claims = low[:, 0].unflatten(0, reading.targets.shape)
        return claims - self._rivals(tracker, batch, reading, torch.zeros_like(claims))

    def _rivals(self, tracker: Tracker, batch: ClipBatch, reading: Reading, background: Tensor) -> Tensor:
        """The highest logit among the background (0) and the negative references, [B, N, 4h, 4w]."""
        owned = [(owner, one) for owner, negatives in enumerate(negatives_of(self, batch)) for one in negatives]
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


def check_choice(method: Method, data: Any, name: str) -> None:
    """Refuse data whose clips have no negative references.

    Args:
        method: that needs them.
        data: the datamodule.
        name: of the attribute that chooses them.

    Raises:
        ValueError: it is None, or there is no such attribute.
    """
    if getattr(data, name, None) is None:
        msg = (
            f"data.{name}: expected a choice of negative references for the method {type(method).__name__}, "
            "ShownClasses or OtherClasses, but got null"
        )
        raise ValueError(msg)


def negatives_of(method: Method, batch: ClipBatch) -> tuple[tuple[Negative, ...], ...]:
    """The negative references of each clip of a batch.

    Raises:
        ValueError: the batch is of clips without them.
    """
    if not isinstance(batch, BatchWithNegatives):
        msg = f"{type(method).__name__}: expected clips with negatives, but got a {type(batch).__name__}"
        raise ValueError(msg)
    return batch.negatives
