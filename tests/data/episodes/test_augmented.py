"""Augmented training clips: reproducible, prompted after augmentation, and nowhere but in training."""

from __future__ import annotations

import pytest
import torch

from sansa_lightning.data.datamodule import EpisodeDataModule
from sansa_lightning.data.episodes.augmented import AugmentedClips
from sansa_lightning.data.frames.augmentation import Augmentation, frame_randomness
from sansa_lightning.data.frames.fs_sam2 import FsSam2Augmentation
from sansa_lightning.data.frames.fssam import FssamAugmentation
from sansa_lightning.data.frames.resizing import BicubicSquash
from sansa_lightning.data.prompts import BoxPrompt
from sansa_lightning.data.protocols.base import Chosen, Strict
from sansa_lightning.data.sources.coco import Coco

KINDS = [FsSam2Augmentation, FssamAugmentation]


def build(root, **changes):
    settings = {
        "size": 40,
        "train_length": 6,
        "test_episodes": 4,
        "batch_size": 2,
        "num_workers": 0,
        "seed": 9,
    } | changes
    data = EpisodeDataModule(Coco(root), settings.pop("protocol", Strict(0)), **settings)
    data.setup("fit")
    data.setup("test")
    return data


@pytest.mark.parametrize("kind", KINDS)
def test_each_frame_is_augmented_on_its_own(kind, fake):
    data = build(fake.root, augmentation=kind())
    for index in (0, 5, 8):  # 8 is of the second epoch
        clip = data.clips("train")[index]
        assert clip.episode == build(fake.root).episodes("train")[index]
        for place, key in enumerate(clip.episode.references + clip.episode.targets):
            image, mask = data.source.load(key, clip.episode.class_id)
            frame, truth = kind()(image, mask, (40, 40), frame_randomness(9, index, place))
            assert torch.equal(clip.images[place], frame)
            assert torch.equal(clip.masks[place], truth)
        assert torch.equal(clip.prompts[0].dense, (clip.masks[0] == 1).float())
        assert clip.images.dtype == clip.masks.dtype == torch.uint8


@pytest.mark.parametrize("kind", KINDS)
def test_workers_play_no_part(kind, fake):
    here, there = (
        list(build(fake.root, augmentation=kind(), num_workers=workers).train_dataloader()) for workers in (0, 2)
    )
    for one, other in zip(here, there, strict=True):
        assert one.episodes == other.episodes
        assert torch.equal(one.images, other.images)
        assert torch.equal(one.masks, other.masks)


def test_prompts_follow_the_augmented_mask(fake):
    data = build(fake.root, augmentation=FssamAugmentation(), prompt=BoxPrompt())
    for index in range(6):
        clip = data.clips("train")[index]
        shown = torch.nonzero(clip.masks[0] == 1)
        if len(shown):
            (top, left), (bottom, right) = shown.min(0).values, shown.max(0).values
            (x0, y0), (x1, y1) = clip.prompts[0].coords.tolist()
            assert max(x0, left) <= min(x1, right)
            assert max(y0, top) <= min(y1, bottom)


def test_no_other_clip_and_no_list_changes(fake):
    plain, other = build(fake.root), build(fake.root, augmentation=FssamAugmentation())
    assert plain.manifest_hashes == other.manifest_hashes
    assert plain.manifest_hash("train") == other.manifest_hash("train")
    assert plain.training_list() != other.training_list()  # a run does not resume with the other frames
    for phase in ("val", "test"):
        for index in range(3):
            assert torch.equal(plain.clips(phase)[index].images, other.clips(phase)[index].images)
    assert not torch.equal(plain.clips("train")[0].images, other.clips("train")[0].images)


def test_an_image_that_appears_twice_looks_different(fake):
    class Counted(Augmentation):
        def __call__(self, image, mask, size, rng):
            value = int(rng.integers(256))
            return torch.full((3, *size), value, dtype=torch.uint8), torch.zeros(size, dtype=torch.uint8)

    data = build(fake.root, augmentation=Counted(), protocol=Chosen([1, 2]), train_targets=30)
    clip = data.clips("train")[0]
    keys = clip.episode.references + clip.episode.targets
    assert len(set(keys)) < len(keys)
    assert len(clip.images[:, 0, 0, 0].unique()) > len(set(keys))


def test_resizing_is_for_all_clips(fake):
    data = build(fake.root, resizing=BicubicSquash())
    for phase in ("train", "val", "test"):
        clip = data.clips(phase)[1]
        image, mask = data.source.load(clip.episode.targets[0], clip.episode.class_id)
        place = len(clip.episode.references)
        assert torch.equal(clip.images[place], BicubicSquash().frame(image, 40))
        assert torch.equal(clip.masks[place], BicubicSquash().mask(mask, 40))


def test_an_episode_without_an_index_is_refused(fake):
    data = build(fake.root, augmentation=FsSam2Augmentation())
    clips = data.clips("train")
    assert isinstance(clips, AugmentedClips)
    with pytest.raises(ValueError, match=r"AugmentedClips: expected an episode of the list, which has an index"):
        clips.clip(clips.episodes[0])
