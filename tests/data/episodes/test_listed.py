"""The samplers of FS-SAM2 and FSSAM, rule by rule, on generated lists."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from fakes.fold_lists import write_coco_lists, write_pascal_lists
from fakes.fss1000 import write_fss1000
from sansa_lightning.data.datamodule import EpisodeDataModule
from sansa_lightning.data.episodes.every_image import EveryImageEpisodes
from sansa_lightning.data.episodes.listed import FsSam2ClassEpisodes, FsSam2ListEpisodes, FssamEpisodes
from sansa_lightning.data.protocols.base import Strict
from sansa_lightning.data.protocols.class_lists import ClassSplits
from sansa_lightning.data.sources.coco_lists import CocoLists
from sansa_lightning.data.sources.fss1000 import Fss1000
from sansa_lightning.data.sources.pascal_lists import PascalLists

PASCAL, COCO = {5, 6, 7, 8, 9}, set(range(1, 80, 4))


@pytest.fixture(scope="module")
def fake(tmp_path_factory):
    return write_pascal_lists(tmp_path_factory.mktemp("lists") / "voc")


@pytest.fixture(scope="module")
def coco(tmp_path_factory):
    return write_coco_lists(tmp_path_factory.mktemp("lists") / "coco")


@pytest.fixture
def test_pools(fake):
    return Strict(1, layout="contiguous").pools(PascalLists(fake.root), "test")


@pytest.fixture
def train_pools(fake):
    return Strict(1, layout="contiguous").pools(PascalLists(fake.root), "train")


def targets(fake, unseen=PASCAL):
    """The fold's list of test images."""
    listed = fake.lists("val", unseen, ())
    return [key for key in fake.labels if any(key in keys for keys in listed.values())]


@pytest.mark.parametrize("kind", [FsSam2ListEpisodes, FssamEpisodes])
def test_targets_go_round_the_list_and_show_the_class(kind, fake, test_pools):
    expected, seen = targets(fake), set()
    for index, episode in enumerate(kind(test_pools, 1, 1, 42, 200)):
        key = episode.targets[0]
        assert key == expected[index % len(expected)]
        shown = {int(value) - 1 for value in np.unique(fake.labels[key])} & PASCAL
        assert episode.class_id in shown
        seen.add((key, episode.class_id))
    everything = {(key, int(v) - 1) for key in expected for v in np.unique(fake.labels[key]) if int(v) - 1 in PASCAL}
    assert seen == everything
    small = {(key, c) for key, c in seen if np.count_nonzero(fake.labels[key] == c + 1) < 2048}
    assert small  # no second look at the area


@pytest.mark.slow
def test_the_draws_of_fs_sam2_are_of_a_generator_of_seed_item_and_epoch(fake, test_pools):
    """The class by one number, the references by one draw without repetition, from the list without the target."""
    lists = fake.lists("val", PASCAL, ())
    for index, episode in enumerate(FsSam2ListEpisodes(test_pools, 2, 1, 42, 60)):
        rng = np.random.default_rng((42, index, 0))
        key = targets(fake)[index % len(targets(fake))]
        shown = [c for c in sorted(PASCAL) if (fake.labels[key] == c + 1).any()]
        class_id = int(rng.choice(shown))
        others = [other for other in lists[class_id] if other != key]
        drawn = rng.choice(len(others), min(2, len(others)), replace=False)
        references = [others[place] for place in drawn]
        assert (episode.class_id, episode.targets) == (class_id, (key,))
        assert list(episode.references) == (references * 2)[:2]


def test_fssam_turns_the_references_round(test_pools):
    one, other = (kind(test_pools, 3, 1, 7, 40) for kind in (FsSam2ListEpisodes, FssamEpisodes))
    assert [e.references[::-1] for e in one] == [e.references for e in other]
    assert [(e.class_id, e.targets) for e in one] == [(e.class_id, e.targets) for e in other]


def test_classes_are_drawn_uniformly(fake, test_pools):
    episodes = FsSam2ListEpisodes(test_pools, 1, 1, 0, 3000)
    expected = targets(fake)
    shares = Counter()
    for key in expected:
        shown = [c for c in PASCAL if (fake.labels[key] == c + 1).any()]
        for class_id in shown:
            shares[class_id] += 3000 / len(expected) / len(shown)
    counts = Counter(episode.class_id for episode in episodes)
    assert all(abs(counts[c] - shares[c]) < 4 * shares[c] ** 0.5 for c in PASCAL)


def test_coco_by_class(coco):
    pools = Strict(1).pools(CocoLists(coco.root), "test")
    lists = coco.lists("val", COCO, ())
    assert len(pools[0].classes) > 5
    counts = Counter()
    for index, episode in enumerate(FsSam2ClassEpisodes(pools, 1, 1, 42, 2000)):
        rng = np.random.default_rng((42, index, 0))
        class_id = pools[0].classes[int(rng.integers(len(pools[0].classes)))]
        target = lists[class_id][int(rng.integers(len(lists[class_id])))]
        assert (episode.class_id, episode.targets) == (class_id, (target,))
        assert set(episode.references) <= set(lists[class_id]) - {target}
        counts[class_id] += 1
    mean = 2000 / len(pools[0].classes)
    assert all(abs(number - mean) < 4 * mean**0.5 for number in counts.values())


def test_fssam_on_coco_sees_the_first_images_alone(coco):
    pools = Strict(1).pools(CocoLists(coco.root), "test")
    expected = targets(coco, set(pools[0].classes))
    assert [e.targets[0] for e in FssamEpisodes(pools, 1, 1, 321, 7)] == expected[:7]


@pytest.mark.parametrize("kind", [FsSam2ListEpisodes, FssamEpisodes])
def test_an_epoch_of_training_has_each_image_once_in_another_order(kind, fake, train_pools):
    lists = fake.lists("train", set(range(20)) - PASCAL, PASCAL)
    images = sorted({key for keys in lists.values() for key in keys})
    episodes = kind(train_pools, 1, 1, 42, len(images))
    epochs = [[episodes[place].targets[0] for place in range(start, start + len(images))] for start in (0, len(images))]
    assert sorted(epochs[0]) == sorted(epochs[1]) == images
    assert epochs[0] != epochs[1]
    assert epochs[0] != images
    again = kind(train_pools, 1, 1, 42, len(images))
    assert [again[place] for place in reversed(range(2 * len(images)))][::-1] == [
        episodes[i] for i in range(2 * len(images))
    ]


def test_a_training_item_has_a_generator_of_its_epoch(train_pools):
    episodes = FsSam2ClassEpisodes(train_pools, 1, 1, 5, 8)
    classes = train_pools[0].classes
    for epoch in range(3):
        first = {classes[int(np.random.default_rng((5, item, epoch + 1)).integers(len(classes)))] for item in range(8)}
        assert {episodes[8 * epoch + place].class_id for place in range(8)} == first


@pytest.mark.parametrize("kind", [FsSam2ListEpisodes, FsSam2ClassEpisodes, FssamEpisodes])
def test_manifests_replay_byte_for_byte(kind, fake, tmp_path):
    """Also with targets that the class's list lacks, since they show too little of it."""

    def build(**changes):
        data = EpisodeDataModule(
            PascalLists(fake.root),
            Strict(1, layout="contiguous"),
            size=16,
            test_order=kind,
            test_episodes=50,
            **changes,
        )
        data.setup("test")
        return data

    build(test_seed=42).write_manifest(tmp_path / "one.jsonl")
    listed = build(manifest=tmp_path / "one.jsonl")
    listed.write_manifest(tmp_path / "two.jsonl")
    assert (tmp_path / "one.jsonl").read_bytes() == (tmp_path / "two.jsonl").read_bytes()
    assert listed.manifest_hash("test") == build(test_seed=42).manifest_hash("test")
    absent = next(c for c in PASCAL if not (fake.labels[targets(fake)[0]] == c + 1).any())
    lines = (tmp_path / "one.jsonl").read_text().splitlines()
    first = next(line for line in lines if f'"class_id":{absent}' in line)
    (tmp_path / "wrong.jsonl").write_text(first.split('"targets"')[0] + f'"targets":["{targets(fake)[0]}"]}}')
    with pytest.raises(ValueError, match=rf"line 1: image '{targets(fake)[0]}' is not among the \d test images of"):
        build(manifest=tmp_path / "wrong.jsonl")


def test_a_fold_trains_and_tests(fake):
    """The length of an epoch is that of the fold's list; whole epochs of clips are loaded."""
    data = EpisodeDataModule(
        PascalLists(fake.root),
        Strict(2, layout="contiguous"),
        size=16,
        train_length=None,
        train_targets=1,
        train_order=FsSam2ListEpisodes,
        test_order=FsSam2ListEpisodes,
        val_episodes=10,
        test_episodes=20,
        num_workers=0,
    )
    data.setup("fit")
    data.setup("test")
    unseen = fake.unseen(2)
    lists = fake.lists("train", set(range(20)) - unseen, unseen)
    images = {key for keys in lists.values() for key in keys}
    assert len(data.episodes("train")) == len(images)
    trained = [episode for batch in data.train_dataloader() for episode in batch.episodes]
    assert {episode.targets[0] for episode in trained} <= images
    assert len(trained) == len(images) // 4 * 4
    assert sum(len(batch.clips.episodes) for batch in data.test_dataloader()) == 20


def test_fss_1000_is_each_image_once_by_the_same_generator(tmp_path):
    """Every jpg of every test class is a target once, with references from the other nine."""
    pools = ClassSplits().pools(Fss1000(write_fss1000(tmp_path / "fss").root), "test")
    episodes = list(EveryImageEpisodes(pools, 5, 1, 42, 30))
    assert len({episode.targets[0] for episode in episodes}) == 30
    for index, episode in enumerate(episodes):
        images = list(pools[0].source.images(episode.class_id, "val"))
        others = [key for key in images if key != episode.targets[0]]
        drawn = np.random.default_rng((42, index, 0)).choice(9, 5, replace=False)
        assert list(episode.references) == [others[place] for place in drawn]


class TestMistakes:
    def test_more_targets(self, test_pools):
        with pytest.raises(ValueError, match=r"FssamEpisodes.targets: expected 1 \(data.train_targets in training\)"):
            FssamEpisodes(test_pools, 1, 3, 0, 5)

    def test_index(self, test_pools):
        with pytest.raises(IndexError, match=r"FsSam2ListEpisodes: expected an index >= 0, but got -1"):
            FsSam2ListEpisodes(test_pools, 1, 1, 0, 5)[-1]
