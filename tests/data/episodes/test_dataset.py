"""Clips: what is loaded, once, at which size, with which prompts."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
import torch

from sansa_lightning import Episode, Prompt
from sansa_lightning.clips.evaluation import EvaluationBatch, EvaluationClip
from sansa_lightning.data.episodes.dataset import ClipDataset, EvaluationClips, FilledDataset
from sansa_lightning.data.episodes.samplers import RandomEpisodes
from sansa_lightning.data.prompts import MaskPrompt, Prompter, prompt_generator
from sansa_lightning.data.protocols.base import Strict
from sansa_lightning.images.pictures import resize_mask, to_frame


@pytest.fixture
def episodes(coco):
    return RandomEpisodes(Strict(1).pools(coco, "train"), shots=2, targets=3, seed=0, length=7)


def test_a_clip_is_references_then_targets(coco, episodes):
    dataset = ClipDataset(episodes, {"coco": coco}, (32, 48), MaskPrompt())
    clip = dataset[3]
    assert clip.episode == episodes[3]
    for frame, key in enumerate(clip.episode.references + clip.episode.targets):
        image, mask = coco.load(key, clip.episode.class_id)
        assert torch.equal(clip.images[frame], to_frame(image, (32, 48)))
        assert torch.equal(clip.masks[frame], resize_mask(mask, (32, 48)))
    assert clip.images.shape == (5, 3, 32, 48)
    assert [torch.equal(p.dense, (m == 1).float()) for p, m in zip(clip.prompts, clip.masks, strict=False)] == [
        True
    ] * 2
    assert len(clip.prompts) == 2
    assert clip.images.dtype == torch.uint8


def test_masks_at_the_size_of_the_images(coco, episodes):
    clips = ClipDataset(episodes, {"coco": coco}, 32, MaskPrompt())
    found = EvaluationClips(clips, "original")[0]
    assert len(found.originals) == 3
    for mask, key in zip(found.originals, found.clip.episode.targets, strict=True):
        np.testing.assert_array_equal(mask.numpy(), coco.load(key, found.clip.episode.class_id)[1])
    plain = EvaluationClips(clips)[0]
    assert (plain.originals, plain.scored, plain.controls) == ((), True, None)


def test_an_image_that_appears_twice_is_loaded_once(coco, monkeypatch):
    loads: Counter[str] = Counter()
    load = coco.load
    monkeypatch.setattr(coco, "load", lambda key, c: (loads.update([key]), load(key, c))[1])
    keys = coco.images(2, "val")
    twice = [Episode("coco", 2, (keys[0], keys[0]), (keys[1], keys[1], keys[1]))]
    clip = ClipDataset(twice, {"coco": coco}, 16, MaskPrompt())[0]
    assert loads == {keys[0]: 1, keys[1]: 1}
    assert torch.equal(clip.images[0], clip.images[1])
    assert clip.images.shape[0] == 5


def test_crowds_stay_255_in_masks_and_leave_prompts(coco):
    keys = ("val/000000000005.jpg", "val/000000000012.jpg")
    clip = ClipDataset([Episode("coco", 5, keys[:1], keys[1:])], {"coco": coco}, 32, MaskPrompt())[0]
    assert set(clip.masks[0].unique().tolist()) == {0, 1, 255}
    assert set(clip.prompts[0].dense.unique().tolist()) == {0, 1}


class Drawn(Prompter):
    """One random foreground pixel."""

    def __call__(self, mask, generator):
        places = (mask == 1).nonzero()
        return Prompt.points(places[torch.randint(len(places), (1,), generator=generator)].flip(1))


def test_the_same_episode_gets_the_same_prompts(coco, episodes):
    dataset = ClipDataset(episodes, {"coco": coco}, 32, Drawn())
    torch.manual_seed(1)
    first = [prompt.coords for prompt in dataset[0].prompts]
    torch.manual_seed(2)
    _ = dataset[1]
    again = [prompt.coords for prompt in dataset[0].prompts]
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))


def test_prompt_randomness_differs_between_references_and_episodes(episodes):
    numbers = {torch.randint(2**40, (), generator=prompt_generator(e, k)).item() for e in episodes for k in range(2)}
    assert len(numbers) == 14


@pytest.mark.parametrize(("processes", "length"), [(1, 7), (2, 8), (4, 8), (7, 7), (8, 8), (9, 9)])
def test_filled_up_clips_are_not_scored(coco, episodes, processes, length):
    clips = ClipDataset(episodes, {"coco": coco}, 16, MaskPrompt())
    filled = FilledDataset(clips, processes)
    assert len(filled) == length
    batch = EvaluationBatch.collate([filled[i] for i in range(length)])
    assert batch.scored.tolist() == [i < 7 for i in range(length)]
    assert list(batch.clips.episodes) == [episodes[i % 7] for i in range(length)]


def test_a_clip_that_brings_its_evaluation_keeps_it(coco, episodes):
    clips = EvaluationClips(ClipDataset(episodes, {"coco": coco}, 16, MaskPrompt()), "original")
    filled = FilledDataset(clips, 4)
    assert [filled[i].scored for i in (6, 7)] == [True, False]
    assert len(filled[7].originals) == 3
    assert isinstance(filled[7], EvaluationClip)
