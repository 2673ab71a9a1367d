"""Negative references: of which classes and images, and always the same ones for an episode."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
import torch

from fakes.ade20k import write_ade20k
from fakes.coco import write_coco
from fakes.coco20i_released import write_coco20i
from fakes.deepglobe import write_deepglobe
from fakes.lvis import write_lvis
from fakes.paco_part import write_paco
from sansa_lightning import Episode
from sansa_lightning.clips.negatives import BatchWithNegatives
from sansa_lightning.data.datamodule import EpisodeDataModule
from sansa_lightning.data.episodes.negative_choices import OtherClasses, ShownClasses
from sansa_lightning.data.episodes.samplers import RandomEpisodes
from sansa_lightning.data.episodes.shown import Shown
from sansa_lightning.data.formats.mask_files import read_labels
from sansa_lightning.data.frames.fssam import FssamAugmentation
from sansa_lightning.data.prompts import PointPrompt, prompt_generator
from sansa_lightning.data.protocols.base import Pool, Strict
from sansa_lightning.data.protocols.class_lists import AllClasses
from sansa_lightning.data.sources import paired
from sansa_lightning.data.sources.abilities import objects_of
from sansa_lightning.data.sources.ade20k import Ade20k
from sansa_lightning.data.sources.coco import Coco
from sansa_lightning.data.sources.coco20i_released import Coco20iReleased
from sansa_lightning.data.sources.deepglobe import DeepGlobe
from sansa_lightning.data.sources.lvis import Lvis
from sansa_lightning.data.sources.paco_part import PacoPart
from sansa_lightning.data.sources.patterns import Patterns
from sansa_lightning.images.pictures import resize_mask, to_frame


@pytest.fixture
def pool(coco):
    return Strict(2).pools(coco, "test")[0]


@pytest.fixture
def episodes(pool):
    return list(RandomEpisodes([pool], 2, 1, seed=0, length=40))


def test_of_classes_that_the_target_shows(fake, pool, episodes):
    """The fake's images show two classes each, or three: what else the target shows is what is drawn."""
    for episode in episodes:
        drawn = ShownClasses(5).draw(episode, pool)
        target = episode.targets[0]
        shown = {c for (key, c), mask in fake.truth.items() if key == target and 1 in mask} - {episode.class_id}
        drawable = {c for c in shown if set(fake.images(c, "val")) - {*episode.references, target}}
        assert {negative.class_id for negative in drawn} == drawable
        for negative in drawn:
            (key,) = negative.references
            assert key in fake.images(negative.class_id, "val")
            assert key not in episode.references + episode.targets
            assert (negative.source, negative.targets) == (episode.source, episode.targets)
    assert {c for e in episodes for c in (n.class_id for n in ShownClasses(5).draw(e, pool))} - set(pool.classes)


class AskedOneByOne(ShownClasses):
    """As it was before there was one look at all objects: each class is asked for in each target."""

    def _classes(self, episode, pool, rng):
        for class_id in rng.permutation(pool.source.classes(pool.split)).tolist():
            shown = class_id != episode.class_id
            if shown and any(pool.source.shows(target, class_id) for target in episode.targets):
                yield class_id


WRITERS = {
    "coco": (write_coco, Coco),  # with crowds, and objects over each other
    "coco20i_released": (write_coco20i, Coco20iReleased),
    "ade20k": (write_ade20k, Ade20k),
    "lvis": (write_lvis, Lvis),
    "paco": (write_paco, PacoPart),
    "deepglobe": (write_deepglobe, DeepGlobe),  # knows no objects
}


@pytest.mark.slow
@pytest.mark.parametrize("name", WRITERS)
def test_one_look_gives_what_asking_for_each_class_gives(name, tmp_path):
    write, build = WRITERS[name]
    source = build(write(tmp_path / "data").root)
    (pool,) = AllClasses().pools(source, "test")
    keys = {key for class_id in source.classes("val") for key in source.images(class_id, "val")}
    assert (objects_of(source, min(keys)) is None) == (name == "deepglobe")
    for key in keys:
        shown = Shown(source, key)
        for class_id in source.classes("val"):
            assert (class_id in shown) == source.shows(key, class_id)
    drawn = 0
    for episode in RandomEpisodes([pool], 1, 2, seed=0, length=30):
        negatives = ShownClasses(3).draw(episode, pool)
        assert negatives == AskedOneByOne(3).draw(episode, pool)
        drawn += len(negatives)
    assert drawn or name == "coco20i_released"  # whose images show one class that has others


@pytest.mark.parametrize(("bottom", "shown"), [([4, 4, 30, 4, 30, 20, 4, 20], True), ([5, 5, 5, 5, 5, 5], False)])
def test_objects_that_have_no_pixel_of_the_map(tmp_path, bottom, shown):
    """One that smaller ones cover is shown all the same; one without area is not."""
    fake = write_coco(tmp_path / "coco")

    def change(content):
        def annotation(number, category, polygon):
            fields = {"id": number, "image_id": 1000, "category_id": category, "iscrowd": 0}
            return fields | {"segmentation": [polygon]}

        left, right = [4, 4, 17, 4, 17, 20, 4, 20], [17, 4, 30, 4, 30, 20, 17, 20]
        rest = [a for a in content["annotations"] if a["image_id"] != 1000]
        covered = [annotation(901, 20, bottom), annotation(902, 2, left), annotation(903, 3, right)]
        content["annotations"] = rest + covered

    fake.edit("val", change)
    source, key = Coco(fake.root), "val/000000000000.jpg"
    numbers, classes = source.objects(key)
    assert classes.count(5) == shown
    assert not shown or classes.index(5) + 1 not in np.unique(numbers)
    assert (5 in Shown(source, key)) == source.shows(key, 5) == shown


def test_a_label_map_is_decoded_once_a_target(tmp_path, monkeypatch):
    source = Ade20k(write_ade20k(tmp_path / "data").root)
    (pool,) = AllClasses().pools(source, "test")
    episode = RandomEpisodes([pool], 1, 2, seed=0, length=1)[0]
    read = []
    monkeypatch.setattr(paired, "read_labels", lambda path, exif: (read.append(path), read_labels(path, exif))[1])
    assert ShownClasses(5).draw(episode, pool)
    assert len(read) == len(episode.targets) == 2


def test_of_any_other_class_of_the_test():
    pool = Pool(Patterns(transfer=0.0), "val", (3, 7, 20, 31))
    drawn, episodes = Counter(), Counter()
    for episode in RandomEpisodes([pool], 1, 1, seed=0, length=1200):
        classes = [negative.class_id for negative in OtherClasses(2).draw(episode, pool)]
        assert len(set(classes)) == 2
        assert set(classes) <= set(pool.classes) - {episode.class_id}
        episodes[episode.class_id] += 1
        drawn.update((episode.class_id, class_id) for class_id in classes)
    assert len(drawn) == 4 * 3
    for (own, _), number in drawn.items():  # each of the three others in two of three episodes, within three sigma
        assert abs(number - episodes[own] * 2 / 3) <= 3 * (episodes[own] * 2 / 9) ** 0.5


def test_fewer_than_asked_for_where_there_are_no_more(pool, episodes):
    assert pool.classes == (2, 6)
    assert {len(OtherClasses(7).draw(episode, pool)) for episode in episodes} == {1}
    assert {len(ShownClasses(1).draw(episode, pool)) for episode in episodes} <= {0, 1}


@pytest.mark.parametrize("choice", [OtherClasses, ShownClasses])
def test_an_episode_has_the_same_ones_whatever_was_drawn_before(fake, pool, episodes, choice):
    first = [choice(2).draw(episode, pool) for episode in episodes]
    other = Strict(2).pools(Coco(fake.root), "test")[0]
    torch.manual_seed(3)
    assert [choice(2).draw(Episode.from_json(e.to_json()), other) for e in reversed(episodes)] == first[::-1]
    assert all(choice(1).draw(e, pool) == more[:1] for e, more in zip(episodes, first, strict=True))
    assert len({negative for drawn in first for negative in drawn}) > 5


def test_patterns_name_the_distractors():
    source = Patterns(train_images=20, val_images=20)
    pool = Strict(0).pools(source, "test")[0]
    for episode in RandomEpisodes([pool], 1, 1, seed=0, length=10):
        _, shown = source.objects(episode.targets[0])
        drawn = ShownClasses(3).draw(episode, pool)
        assert {negative.class_id for negative in drawn} == set(shown) - {episode.class_id}


class TestClips:
    def build(self, fake, **changes):
        kwargs = {"size": 16, "shots": 2, "test_episodes": 6, "val_episodes": 3, "train_length": 4, "batch_size": 2}
        kwargs |= {"num_workers": 0, "negatives": ShownClasses(2), "eval_batch_size": 6} | changes
        data = EpisodeDataModule(Coco(fake.root), Strict(2), **kwargs)
        data.setup("fit")
        data.setup("test")
        return data

    def test_images_and_prompts(self, fake):
        data = self.build(fake, prompt=PointPrompt())
        batch = next(iter(data.test_dataloader())).clips
        assert len(batch.negatives) == 6
        assert any(batch.negatives)
        for episode, negatives in zip(batch.episodes, batch.negatives, strict=True):
            assert tuple(one.episode for one in negatives) == ShownClasses(2).draw(episode, data.pools("test")[0])
            for one in negatives:
                image, mask = data.source.load(one.episode.references[0], one.episode.class_id)
                assert torch.equal(one.image, to_frame(image, 16))
                prompt = PointPrompt()(resize_mask(mask, 16), prompt_generator(one.episode, 0))
                assert torch.equal(one.prompt.coords, prompt.coords)

    def test_clips_are_otherwise_what_they_are_without(self, fake):
        plain, more = self.build(fake, negatives=None), self.build(fake)
        assert plain.manifest_hashes == more.manifest_hashes
        for stage in ("val", "test"):
            one, two = (next(iter(getattr(data, f"{stage}_dataloader")())).clips for data in (plain, more))
            assert one.episodes == two.episodes
            assert torch.equal(one.images, two.images)
            assert not isinstance(one, BatchWithNegatives)
            assert any(two.negatives)
        assert not isinstance(next(iter(more.train_dataloader())), BatchWithNegatives)

    def test_training_clips_have_those_of_classes_that_train(self, fake):
        plain, more = self.build(fake), self.build(fake, train_negatives=ShownClasses(5))
        assert plain.manifest_hashes == more.manifest_hashes
        (pool,) = more.pools("train")
        drawn = 0
        for one, two in zip(plain.train_dataloader(), more.train_dataloader(), strict=True):
            assert one.episodes == two.episodes
            assert torch.equal(one.images, two.images)
            for episode, negatives in zip(two.episodes, two.negatives, strict=True):
                shown = [negative.class_id for negative in ShownClasses(9).draw(episode, pool)]
                expected = [class_id for class_id in shown if class_id in pool.classes][:5]
                assert [negative.episode.class_id for negative in negatives] == expected
                assert all(negative.episode.source == "coco" for negative in negatives)
                drawn += len(negatives)
        assert drawn

    def test_what_a_training_target_shows_of_test_classes_is_left_out(self, fake):
        (pool,) = self.build(fake).pools("train")
        episodes = list(RandomEpisodes([pool], 1, 3, seed=0, length=30))
        free = {n.class_id for e in episodes for n in ShownClasses(9).draw(e, pool)}
        kept = {n.class_id for e in episodes for n in ShownClasses(9).draw(e, pool, among=pool.classes)}
        assert free - set(pool.classes)
        assert kept
        assert kept <= set(pool.classes)

    def test_other_negatives_are_other_training_clips(self, fake):
        """A run does not resume with them."""
        choices = (None, ShownClasses(1), ShownClasses(2), OtherClasses(1))
        identities = [self.build(fake, train_negatives=choice).training_list() for choice in choices]
        assert len(set(identities)) == 4
        assert identities[1] == self.build(fake, train_negatives=ShownClasses(1)).training_list()

    def test_memorised_clips_have_those_of_the_test(self, fake):
        data = self.build(fake, memorise=True, train_negatives=ShownClasses(2), batch_size=6)
        trained, (tested,) = next(iter(data.train_dataloader())), data.test_dataloader()
        names = [
            {e: [n.episode for n in own] for e, own in zip(b.episodes, b.negatives, strict=True)}
            for b in (trained, tested.clips)
        ]
        assert names[0].items() <= names[1].items()

    def test_they_are_not_augmented(self, fake):
        with pytest.raises(ValueError, match=r"^data\.train_negatives: expected data\.augmentation: null with it"):
            self.build(fake, train_negatives=ShownClasses(1), augmentation=FssamAugmentation())

    def test_wrong_references_have_them_too(self, fake):
        (batch,) = self.build(fake).test_dataloader()
        has = batch.controls.paired.tolist()
        paired = [negatives for negatives, wanted in zip(batch.clips.negatives, has, strict=True) if wanted]
        assert [len(n) for n in batch.controls.wrong.clips.negatives] == [len(n) for n in paired]

    @pytest.mark.parametrize("workers", [1, 2])
    def test_workers_play_no_part(self, fake, workers):
        here, there = (self.build(fake, num_workers=n, eval_batch_size=2) for n in (0, workers))
        for one, two in zip(here.val_dataloader(), there.val_dataloader(), strict=True):
            for mine, theirs in zip(one.clips.negatives, two.clips.negatives, strict=True):
                assert [n.episode for n in mine] == [n.episode for n in theirs]
                assert all(torch.equal(m.image, t.image) for m, t in zip(mine, theirs, strict=True))
        there.teardown("fit")

    def test_a_manifest_brings_the_same(self, fake, tmp_path):
        drawn = self.build(fake)
        drawn.write_manifest(tmp_path / "list.jsonl")
        listed = self.build(fake, manifest=tmp_path / "list.jsonl", test_seed=5)
        (one,), (two,) = drawn.test_dataloader(), listed.test_dataloader()
        names = [[[negative.episode for negative in own] for own in batch.clips.negatives] for batch in (one, two)]
        assert names[0] == names[1]

    def test_they_move_with_the_batch(self, fake):
        (batch,) = self.build(fake).val_dataloader()
        moved = [one for own in batch.to("meta").clips.negatives for one in own]
        assert moved
        assert all(one.image.device.type == one.prompt.dense.device.type == "meta" for one in moved)


def test_count():
    with pytest.raises(ValueError, match=r"ShownClasses\.count: expected at least 1, but got 0"):
        ShownClasses(0)
