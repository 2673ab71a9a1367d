"""Clips: the same targets after other references."""

from __future__ import annotations

import torch

from builders import mask_prompt, pictures
from sansa_lightning import Clip, Episode


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
