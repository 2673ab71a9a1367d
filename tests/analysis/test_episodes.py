"""Test episodes, segmented on both sides."""

from __future__ import annotations

import pytest
import torch

from builders import model, nano, randomise
from sansa_lightning.analysis.episodes import few_shot_mious, segmented
from sansa_lightning.clips.batch import ClipBatch
from sansa_lightning.data.datamodule import EpisodeDataModule
from sansa_lightning.strategies.adaptformer import AdaptFormer


def test_predictions_are_the_models_own_and_scores_are_theirs():
    data = EpisodeDataModule(num_workers=0, test_episodes=10)
    data.setup("test")
    adapted = model(nano(), AdaptFormer((2, 3)))
    randomise(adapted)
    found = list(segmented(adapted, data, [9, 2, 50]))
    assert [one.clip.episode for one in found] == [data.episodes("test")[place] for place in (9, 2)]
    batch = ClipBatch.collate([data.clips("test")[9]])
    with torch.no_grad():
        logits = adapted(batch, propagate_targets=False).logits[0, -1]
        frozen = model(nano())(batch, propagate_targets=False).logits[0, -1]
    # Alone or in a batch, rounding differs.
    assert (found[0].predictions["adapted"] == (logits > 0)).float().mean() > 0.999
    assert (found[0].predictions["frozen"] == (frozen > 0)).float().mean() > 0.999

    counts = {c: [0, 0] for c in data.test_classes}
    for one in segmented(adapted, data, range(10)):
        mask, truth = one.predictions["adapted"], one.truth == 1
        counts[one.clip.episode.class_id][0] += int((mask & truth).sum())
        counts[one.clip.episode.class_id][1] += int((mask | truth).sum())
    expected = sum(inter / max(union, 1) for inter, union in counts.values()) / len(counts)
    assert few_shot_mious(adapted, data, 10)["adapted"] == pytest.approx(expected)
