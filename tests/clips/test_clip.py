"""Clips: the same targets after other references."""

from __future__ import annotations

from dataclasses import replace

import torch

from builders import mask_prompt, pictures
from sansa_lightning import Clip, Episode, Prompt


def test_after_other_references() -> None:
    masks = torch.arange(4, dtype=torch.uint8)[:, None, None].expand(4, 96, 96)
    right = Clip(Episode("s", 3, ("a", "b"), ("t", "u")), pictures(1, 4)[0], masks, (mask_prompt(),) * 2)
    prompts = (mask_prompt(corner=1), mask_prompt(corner=2))
    other = Clip(Episode("s", 5, ("x", "y"), ("x", "y")), pictures(1, 4, seed=1)[0], masks + 10, prompts)
    found = right.after(other)
    assert found.episode == Episode("s", 3, ("x", "y"), ("t", "u"))
    assert torch.equal(found.images, torch.cat([other.images[:2], right.images[2:]]))
    assert found.masks[:, 0, 0].tolist() == [10, 11, 2, 3]
    assert found.prompts is prompts


def test_the_hash_of_annotations_changes_with_masks_and_prompts_alone() -> None:
    masks = torch.zeros(2, 96, 96, dtype=torch.uint8)
    clip = Clip(Episode("s", 3, ("a",), ("t",)), pictures(1, 2)[0], masks, (mask_prompt(),))
    assert replace(clip, images=clip.images + 1).annotation_hash() == clip.annotation_hash()
    others = [
        replace(clip, masks=masks + 1),
        replace(clip, masks=masks.reshape(2, 48, 192)),
        replace(clip, prompts=(mask_prompt(corner=1),)),
        replace(clip, prompts=(Prompt.points((3, 4)),)),
        replace(clip, prompts=(Prompt.points((3, 4), 0),)),
    ]
    assert len({each.annotation_hash() for each in (clip, *others)}) == 6
