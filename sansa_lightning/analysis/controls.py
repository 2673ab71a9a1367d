"""Score and controls of any function that segments, outside a run."""

from __future__ import annotations

import torch

from sansa_lightning.clips.evaluation import EvaluationBatch
from sansa_lightning.data.episodes.controlled import ControlledClips
from sansa_lightning.metrics.controls import ControlledIoU, ControlScores, Segment
from sansa_lightning.metrics.few_shot_iou import FewShotScores


@torch.no_grad()
def controlled_scores(segment: Segment, clips: ControlledClips, chunk: int = 16) -> tuple[FewShotScores, ControlScores]:
    """The score of a model on test clips, and its controls, counted as in ``test``.

    Args:
        segment: the model; logits above 0 are foreground.
        clips: of the pool's classes.
        chunk: number of clips that the model gets at a time.
    """
    found = ControlledIoU(clips.wrong.pool.classes)
    for first in range(0, len(clips), chunk):
        found.update(segment, EvaluationBatch.collate([clips[i] for i in range(first, min(first + chunk, len(clips)))]))
    return found.compute()
