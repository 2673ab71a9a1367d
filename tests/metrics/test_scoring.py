"""Targets of a batch, one after the other."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F

from builders import mask_prompt, pictures
from sansa_lightning import Clip, Episode
from sansa_lightning.clips.evaluation import Controls, EvaluationBatch, EvaluationClip
from sansa_lightning.clips.objects import Objects
from sansa_lightning.metrics.scoring import ScoredTargets

EPISODE = Episode("s", 4, ("a",), ("b", "c"))
SHOWN = Objects(torch.ones(96, 96, dtype=torch.int16), (4,))


def clip(seed: int) -> Clip:
    masks = torch.full((3, 96, 96), seed, dtype=torch.uint8)
    return Clip(EPISODE, pictures(1, 3, seed=seed)[0], masks, (mask_prompt(),))


def evaluated(seed: int, **extras: Any) -> EvaluationClip:
    return EvaluationClip(clip(seed), **extras)


def test_at_clip_size():
    logits = torch.randn(2, 2, 96, 96)
    one, two = Controls((SHOWN, None), wrong=None), Controls((None, SHOWN), wrong=clip(5))
    batch = EvaluationBatch.collate([evaluated(0, controls=one), evaluated(1, controls=two, scored=False)])
    found = ScoredTargets.of(batch, logits)
    assert torch.equal(torch.stack(found.logits), logits.flatten(0, 1))
    assert [int(truth[0, 0]) for truth in found.truths] == [0, 0, 1, 1]
    assert found.class_ids.tolist() == [4] * 4
    assert found.scored.tolist() == [True, True, False, False]
    assert [one is SHOWN for one in found.objects] == [True, False, False, True]
    assert found.paired.tolist() == [False, False, True, True]


def test_at_original_size():
    originals = tuple(torch.zeros(size, dtype=torch.uint8) for size in ((50, 70), (120, 33)))
    logits = torch.randn(1, 2, 96, 96)
    found = ScoredTargets.of(EvaluationBatch.collate([evaluated(0, originals=originals)]), logits)
    assert [tuple(one.shape) for one in found.logits] == [(50, 70), (120, 33)]
    assert [one.shape for one in found.truths] == [one.shape for one in found.logits]
    expected = F.interpolate(logits[:, :1], (50, 70), mode="bilinear")[0, 0]
    torch.testing.assert_close(found.logits[0], expected)
    assert found.objects == [None, None]
    assert found.paired.tolist() == [False, False]
