"""Targets of a batch, one after the other."""

from __future__ import annotations

import torch
import torch.nn.functional as F

from builders import frames, mask_prompt
from sansa_lightning.clip import Clip, ClipBatch, Episode
from sansa_lightning.objects import Objects
from sansa_lightning.scoring import ScoredTargets

EPISODE = Episode("s", 4, ("a",), ("b", "c"))
SHOWN = Objects(torch.ones(96, 96, dtype=torch.int16), (4,))


def clip(seed: int, **changes: object) -> Clip:
    masks = torch.full((3, 96, 96), seed, dtype=torch.uint8)
    return Clip(EPISODE, frames(1, 3, seed=seed)[0], masks, (mask_prompt(),), **changes)


def test_at_clip_size():
    logits = torch.randn(2, 2, 96, 96)
    batch = ClipBatch.collate([clip(0, objects=(SHOWN, None)), clip(1, objects=(None, SHOWN), scored=False)])
    found = ScoredTargets.of(batch, logits)
    assert torch.equal(torch.stack(found.logits), logits.flatten(0, 1))
    assert [int(truth[0, 0]) for truth in found.truths] == [0, 0, 1, 1]
    assert found.class_ids.tolist() == [4] * 4
    assert found.scored.tolist() == [True, True, False, False]
    assert [one is SHOWN for one in found.objects] == [True, False, False, True]
    assert found.paired.tolist() == [False] * 4


def test_at_original_size():
    originals = tuple(torch.zeros(size, dtype=torch.uint8) for size in ((50, 70), (120, 33)))
    logits = torch.randn(1, 2, 96, 96)
    found = ScoredTargets.of(ClipBatch.collate([clip(0, originals=originals)]), logits)
    assert [tuple(one.shape) for one in found.logits] == [(50, 70), (120, 33)]
    assert [one.shape for one in found.truths] == [one.shape for one in found.logits]
    expected = F.interpolate(logits[:, :1], (50, 70), mode="bilinear")[0, 0]
    torch.testing.assert_close(found.logits[0], expected)
    assert found.objects == [None, None]


def test_wrong_clips_are_collated_apart_and_count_as_their_right_ones():
    right = [clip(0), clip(1, wrong=clip(3), scored=False), clip(2, wrong=clip(4))]
    batch = ClipBatch.collate(right)
    assert batch.paired == (False, True, True)
    assert torch.equal(batch.wrong.images, torch.stack([clip(3).images, clip(4).images]))
    assert batch.wrong.scored.tolist() == [False, True]
    assert ScoredTargets.of(batch, torch.zeros(3, 2, 96, 96)).paired.tolist() == [False, False, True, True, True, True]
    assert ClipBatch.collate([clip(0)]).wrong is None
    moved = batch.to("meta")
    assert moved.wrong.images.is_meta
    assert batch.to("cpu").wrong.scored.tolist() == [False, True]
