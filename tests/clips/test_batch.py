"""Batches of clips: how they are stacked, what does not stack."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
import torch
from torch import Tensor

from sansa_lightning import Clip, ClipBatch, Episode, Prompt

EPISODE = Episode("coco", 7, ("a.jpg", 12), ("b.jpg",))


def a_clip(class_id: int = 7, length: int = 3, size: tuple[int, int] = (8, 6), shots: int = 2) -> Clip:
    episode = Episode("coco", class_id, tuple(range(shots)), ("t",))
    images = torch.full((length, 3, *size), class_id, dtype=torch.uint8)
    masks = torch.ones(length, *size, dtype=torch.uint8)
    prompts = (Prompt.mask(torch.ones(size)), Prompt.box([1, 1, 2, 2]))[:shots]
    return Clip(episode, images, masks, prompts)


def test_collate_stacks() -> None:
    batch = ClipBatch.collate([a_clip(3), a_clip(9)])
    assert batch.images.shape == (2, 3, 3, 8, 6)
    assert batch.images.dtype == torch.uint8
    assert batch.masks.shape == (2, 3, 8, 6)
    assert batch.class_ids.tolist() == [3, 9]
    assert batch.images[:, 0, 0, 0, 0].tolist() == [3, 9]
    assert batch.shots == 2
    assert [[prompt.kind for prompt in prompts] for prompts in batch.prompts] == [["mask", "box"]] * 2
    assert [episode.class_id for episode in batch.episodes] == [3, 9]


@dataclass(frozen=True, slots=True)
class Marked(Clip):
    weights: Tensor = field(kw_only=True)
    notes: tuple[str, ...] = field(kw_only=True)


@dataclass(frozen=True, slots=True)
class MarkedBatch(ClipBatch):
    weights: Tensor = field(kw_only=True)
    notes: tuple[tuple[str, ...], ...] = field(kw_only=True)


def test_what_a_subclass_adds_is_stacked_and_moves_too() -> None:
    clip = a_clip()
    parts = (clip.episode, clip.images, clip.masks, clip.prompts)
    clips = [Marked(*parts, weights=torch.tensor([one, 2.0]), notes=("x",) * int(one)) for one in (1.0, 3.0)]
    batch = MarkedBatch.collate(clips)
    assert batch.weights.tolist() == [[1, 2], [3, 2]]
    assert batch.notes == (("x",), ("x", "x", "x"))
    moved = batch.to("meta")
    assert isinstance(moved, MarkedBatch)
    assert moved.weights.is_meta
    assert moved.notes == batch.notes


@pytest.mark.parametrize(
    ("other", "message"),
    [
        (a_clip(length=4), r"expected clips of images \[3, 3, 8, 6\].* but got images \[4, 3, 8, 6\]"),
        (a_clip(size=(8, 8)), r"but got images \[3, 3, 8, 8\]"),
        (a_clip(shots=1), r"and 2 prompts, but got .* and 1 prompts in Episode\(source='coco', class_id=7"),
        (
            Clip(EPISODE, a_clip().images, torch.zeros(3, 6, 8, dtype=torch.uint8), a_clip().prompts),
            r"masks \[3, 6, 8\]",
        ),
    ],
)
def test_clips_that_do_not_stack(other: Clip, message: str) -> None:
    with pytest.raises(ValueError, match=rf"ClipBatch: .*{message}"):
        ClipBatch.collate([a_clip(), other])
