"""The test episodes, segmented by the frozen and by the adapted model."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from sansa_lightning.analysis.sides import sides
from sansa_lightning.clips.batch import ClipBatch
from sansa_lightning.clips.clip import Clip
from sansa_lightning.data.datamodule import EpisodeDataModule
from sansa_lightning.metrics.few_shot_iou import FewShotIoU
from sansa_lightning.model import FewShotModel

CHUNK = 8
"""Clips that the model segments at a time."""


class Segmented(NamedTuple):
    """A test episode with its predictions.

    Attributes:
        clip: the episode's clip, with one target.
        predictions: bool [H, W] at the size of the clip, by side.
    """

    clip: Clip
    predictions: dict[str, Tensor]

    @property
    def truth(self) -> Tensor:
        """The target's mask, uint8 [H, W] in {0, 1, 255}."""
        return self.clip.masks[-1]


@torch.no_grad()
def segmented(model: FewShotModel, data: EpisodeDataModule, places: Sequence[int]) -> Iterator[Segmented]:
    """Test episodes by their places in the list; probabilities above a half are foreground.

    Args:
        model: in eval mode.
        data: set up for "test".
        places: of the episodes; those beyond the list's end are left out.
    """
    both, clips = sides(model), data.clips("test")
    there = [place for place in places if place < len(clips)]
    for first in range(0, len(there), CHUNK):
        some = [clips[place] for place in there[first : first + CHUNK]]
        batch = ClipBatch.collate(some).to(model.device)
        found = {}
        for side, context in both.items():
            with context:
                found[side] = (model(batch, propagate_targets=False).logits[:, -1] > 0).cpu()
        for place, clip in enumerate(some):
            yield Segmented(clip, {side: masks[place] for side, masks in found.items()})


def few_shot_mious(model: FewShotModel, data: EpisodeDataModule, episodes: int) -> dict[str, float]:
    """The few-shot mIoU of each side on the first test episodes, at the size of the clips, in [0, 1]."""
    metrics = {side: FewShotIoU(data.test_classes) for side in sides(model)}
    for one in segmented(model, data, range(episodes)):
        class_id = torch.tensor([one.clip.episode.class_id])
        for side, mask in one.predictions.items():
            metrics[side].update(mask[None], one.truth[None], class_id)
    return {side: metric.compute().miou for side, metric in metrics.items()}
