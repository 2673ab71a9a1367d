"""What an evaluation brings beside its clips."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch

from builders import mask_prompt, pictures
from sansa_lightning import Clip, ClipBatch, Episode
from sansa_lightning.clips.evaluation import Controls, EvaluationBatch, EvaluationClip
from sansa_lightning.clips.moving import each_tensor
from sansa_lightning.clips.negatives import BatchWithNegatives, ClipWithNegatives, Negative
from sansa_lightning.clips.objects import Objects

EPISODE = Episode("s", 4, ("a",), ("b",))
ORIGINALS = (torch.zeros(5, 4, dtype=torch.uint8),)


def clip(seed: int) -> Clip:
    return Clip(
        EPISODE, pictures(1, 2, seed=seed)[0], torch.full((2, 96, 96), seed, dtype=torch.uint8), (mask_prompt(),)
    )


def controlled(seed: int, wrong: Clip | None, **extras: Any) -> EvaluationClip:
    shown = Objects(torch.full((96, 96), seed, dtype=torch.int16), (4,) * seed)
    return EvaluationClip(clip(seed), controls=Controls((shown,), wrong), **extras)


def test_extras_stand_beside_the_batch():
    batch = EvaluationBatch.collate([EvaluationClip(clip(3)), EvaluationClip(clip(9), ORIGINALS, scored=False)])
    assert torch.equal(batch.clips.images, torch.stack([clip(3).images, clip(9).images]))
    assert batch.originals == ((), ORIGINALS)
    assert batch.scored.tolist() == [True, False]
    assert batch.controls is None


def test_wrong_clips_are_stacked_apart_and_count_as_their_right_ones():
    clips = [controlled(0, None), controlled(1, clip(3), scored=False), controlled(2, clip(4), originals=ORIGINALS)]
    batch = EvaluationBatch.collate(clips)
    assert batch.controls.paired.tolist() == [False, True, True]
    assert [shown[0].classes for shown in batch.controls.objects] == [(), (4,), (4, 4)]
    wrong = batch.controls.wrong
    assert torch.equal(wrong.clips.images, torch.stack([clip(3).images, clip(4).images]))
    assert wrong.scored.tolist() == [False, True]
    assert wrong.originals == ((), ORIGINALS)
    assert wrong.controls is None
    assert EvaluationBatch.collate([controlled(0, None)]).controls.wrong is None


def test_right_and_wrong_clips_are_stacked_as_the_method_wants_them():
    negative = Negative(Episode("s", 5, ("n",), ("b",)), pictures(1, 1)[0, 0], mask_prompt())
    own = clip(1)
    more = ClipWithNegatives(own.episode, own.images, own.masks, own.prompts, negatives=(negative,))
    other = replace(clip(2), episode=Episode("s", 5, ("x",), ("x",)))
    one = EvaluationClip(more, controls=Controls((None,), more.after(other)))
    batch = EvaluationBatch.collate([one, one], BatchWithNegatives.collate)
    assert isinstance(batch.clips, BatchWithNegatives)
    assert batch.clips.negatives == ((negative,),) * 2
    assert batch.controls.wrong.clips.negatives == ((), ())  # those of the class that the references show are gone


def whole() -> EvaluationBatch:
    """A batch with everything that there can be."""
    negative = Negative(Episode("s", 5, ("n",), ("b",)), pictures(1, 1)[0, 0], mask_prompt())
    own = clip(1)
    more = ClipWithNegatives(own.episode, own.images, own.masks, own.prompts, negatives=(negative,))
    shown = Objects(torch.ones(96, 96, dtype=torch.int16), (4,))
    one = EvaluationClip(more, ORIGINALS, controls=Controls((shown,), more))
    return EvaluationBatch.collate([one], BatchWithNegatives.collate)


def tensors_of(batch: EvaluationBatch) -> list[torch.Tensor]:
    found: list[torch.Tensor] = []
    each_tensor(batch, lambda tensor: (found.append(tensor), tensor)[1])
    return found


def test_every_tensor_moves():
    batch = whole()
    moved = batch.to("meta", non_blocking=True)
    clips, wrong = moved.clips, moved.controls.wrong
    named = [clips.images, clips.masks, clips.class_ids, clips.prompts[0][0].dense, clips.negatives[0][0].image]
    named += [clips.negatives[0][0].prompt.dense, moved.scored, moved.originals[0][0], moved.controls.paired]
    named += [moved.controls.objects[0][0].instances, wrong.clips.images, wrong.originals[0][0], wrong.scored]
    assert all(tensor.is_meta for tensor in named)
    assert all(tensor.is_meta for tensor in tensors_of(moved))
    assert clips.episodes == batch.clips.episodes
    assert not batch.clips.images.is_meta
    assert torch.equal(batch.to("cpu").clips.images, batch.clips.images)


def test_every_tensor_is_pinned_and_moves_without_waiting(monkeypatch):
    """Page-locked memory needs a GPU's driver: here it is only asked for."""
    batch = whole()
    every = len(tensors_of(batch))
    # Twice images, masks, a prompt and a negative's two, originals and scored; objects and paired.
    assert every == 2 * (2 + 1 + 2 + 1 + 1) + 2
    pinned: list[torch.Tensor] = []
    monkeypatch.setattr(torch.Tensor, "pin_memory", lambda tensor: (pinned.append(tensor), tensor)[1])
    assert isinstance(batch.pin_memory().clips, BatchWithNegatives)
    assert len(pinned) == every
    waits: list[bool] = []
    to = torch.Tensor.to
    monkeypatch.setattr(
        torch.Tensor, "to", lambda tensor, where, non_blocking: (waits.append(not non_blocking), to(tensor, where))[1]
    )
    batch.to("meta", non_blocking=True)
    assert waits == [False] * every


def test_a_training_batch_has_no_extras():
    names = set(ClipBatch.__dataclass_fields__)
    assert names == {"episodes", "images", "masks", "prompts"}
