"""From a batch and its logits to the targets that metrics count, each at the size of its score."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from sansa_lightning.clips.evaluation import EvaluationBatch
from sansa_lightning.clips.objects import Objects
from sansa_lightning.images.pictures import resize_logits


class ScoredTargets(NamedTuple):
    """The targets of a batch, M = B x N of them.

    Attributes:
        logits: M of float32 [H, W].
        truths: M masks, uint8 [H, W] in {0, 1, 255}, each of the size of its logits.
        class_ids: int64 [M].
        scored: bool [M]; False for those that must not be counted.
        objects: M, those of each target; None if unknown or not asked for.
        paired: bool [M]; which targets also have wrong references.
    """

    logits: list[Tensor]
    truths: list[Tensor]
    class_ids: Tensor
    scored: Tensor
    objects: list[Objects | None]
    paired: Tensor

    def masks(self, cut: float) -> list[Tensor]:
        """M predictions, bool [H, W]: logits above ``cut``."""
        return [logits > cut for logits in self.logits]

    @classmethod
    def of(cls, batch: EvaluationBatch, logits: Tensor) -> ScoredTargets:
        """The targets of a batch with their logits [B, N, h, w], at original size if the batch has it."""
        each = target_logits(batch, logits)
        truths = batch.originals if any(batch.originals) else batch.clips.masks[:, batch.clips.shots :]
        count, controls = logits.shape[1], batch.controls
        paired = torch.zeros_like(batch.scored) if controls is None else controls.paired
        return cls(
            logits=[one for clip in each for one in clip],
            truths=[one for clip in truths for one in clip],
            class_ids=batch.clips.class_ids.repeat_interleave(count),
            scored=batch.scored.repeat_interleave(count),
            objects=[one for shown in controls.objects for one in shown] if controls else [None] * (len(each) * count),
            paired=paired.repeat_interleave(count),
        )


def target_logits(batch: EvaluationBatch, logits: Tensor) -> list[list[Tensor]]:
    """Logits [B, N, h, w] as N of [H, W] per clip, at the size of the targets' scores."""
    if not any(batch.originals):
        return [list(clip) for clip in logits]
    return [
        [
            resize_logits(mask, original.shape, batch.align_corners)
            for mask, original in zip(clip, originals, strict=True)
        ]
        for clip, originals in zip(logits, batch.originals, strict=True)
    ]
