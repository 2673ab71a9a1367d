"""Draws: a stored list, independence, distinctness and frequencies."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from torch.utils.data import DataLoader, Dataset

from sansa_lightning.data.episodes.samplers import RandomEpisodes, Repeated, RoundRobinEpisodes, draw_images
from sansa_lightning.data.protocols.base import Pool, Strict
from sansa_lightning.data.sources.coco import Coco
from sansa_lightning.data.sources.patterns import Patterns

STORED = [
    (6, ("val/000000000010.jpg", "val/000000000013.jpg"), ("val/000000000003.jpg",)),
    (6, ("val/000000000010.jpg", "val/000000000003.jpg"), ("val/000000000013.jpg",)),
    (2, ("val/000000000009.jpg", "val/000000000002.jpg"), ("val/000000000013.jpg",)),
    (6, ("val/000000000013.jpg", "val/000000000010.jpg"), ("val/000000000003.jpg",)),
]


@pytest.fixture
def pools(coco):
    return Strict(2).pools(coco, "test")


def test_a_stored_list(pools):
    """Numbers may change only with a line in the changelog: manifests of earlier versions stay, draws would not."""
    episodes = RandomEpisodes(pools, 2, 1, seed=0, length=4)
    assert [(e.class_id, e.references, e.targets) for e in episodes] == STORED


def test_an_episode_depends_on_seed_and_index_alone(coco, fake, pools):
    first = list(RandomEpisodes(pools, 2, 1, seed=5, length=50))
    backwards = RandomEpisodes(Strict(2).pools(Coco(fake.root), "test"), 2, 1, seed=5, length=7)
    np.random.seed(99)  # the global state plays no part
    assert [backwards[i] for i in reversed(range(50))] == first[::-1]
    assert list(RandomEpisodes(pools, 2, 1, seed=6, length=50)) != first


class Names(Dataset):
    def __init__(self, episodes):
        self.episodes = episodes

    def __len__(self):
        return len(self.episodes)

    def __getitem__(self, index):
        return self.episodes[index].to_json()


@pytest.mark.parametrize("workers", [1, 4])
def test_workers_play_no_part(pools, workers):
    episodes = RandomEpisodes(pools, 1, 1, seed=0, length=24)
    loaded = [line for batch in DataLoader(Names(episodes), batch_size=3, num_workers=workers) for line in batch]
    assert loaded == [e.to_json() for e in episodes]


def test_base_and_unseen_classes_never_meet(coco):
    for fold in range(4):
        drawn = {
            stage: {e.class_id for e in RandomEpisodes(Strict(fold).pools(coco, stage), 1, 1, 0, 200)}
            for stage in ("train", "test")
        }
        assert drawn["test"] == {c for c in range(7) if c % 4 == fold}
        assert drawn["train"] == {c for c in range(7) if c % 4 != fold}


def test_images_show_the_class_and_are_distinct(coco):
    for episode in RandomEpisodes(Strict(0).pools(coco, "train"), 1, 3, seed=1, length=100):
        keys = episode.references + episode.targets
        assert len(set(keys)) == min(4, len(coco.images(episode.class_id, "train")))
        assert set(keys) <= set(coco.images(episode.class_id, "train"))


def test_classes_and_images_are_uniform(pools):
    episodes = list(RandomEpisodes(pools, 1, 1, seed=3, length=4000))
    classes = Counter(e.class_id for e in episodes)
    targets = Counter(e.targets[0] for e in episodes if e.class_id == 2)
    # Three standard deviations of a binomial with p = 1/2 and n = 4000, p = 1/4 and n = 2000.
    assert all(abs(n - 2000) < 95 for n in classes.values())
    assert len(targets) == 4
    assert all(abs(n - classes[2] / 4) < 60 for n in targets.values())


def test_pools_are_drawn_by_weight(fake):
    one, two = Coco(fake.root, name="one"), Coco(fake.root, name="two")
    pools = (Pool(one, "train", (0, 1), weight=3.0), Pool(two, "train", (2,), weight=1.0))
    counts = Counter((e.source, e.class_id) for e in RandomEpisodes(pools, 1, 1, seed=0, length=4000))
    for choice, expected in {("one", 0): 1500, ("one", 1): 1500, ("two", 2): 1000}.items():
        assert abs(counts[choice] - expected) < 100
    assert sum(counts.values()) == 4000


def test_round_robin_takes_each_class_in_turn(fake):
    one, two = Coco(fake.root, name="one"), Coco(fake.root, name="two")
    pools = (Pool(one, "val", (1, 4)), Pool(two, "val", (2,), weight=9.0))
    episodes = list(RoundRobinEpisodes(pools, 1, 1, seed=0, length=31))
    assert [(e.source, e.class_id) for e in episodes] == [("one", 1), ("one", 4), ("two", 2)] * 10 + [("one", 1)]
    assert len({e.targets for e in episodes if e.class_id == 1}) > 1


@pytest.mark.parametrize("images", range(2, 9))
@pytest.mark.parametrize(("shots", "targets"), [(1, 1), (5, 1), (1, 3), (2, 3)])
def test_few_images_are_repeated_as_little_as_possible(images, shots, targets):
    for seed in range(20):
        references, wanted = draw_images(np.random.default_rng(seed), images, shots, targets)
        assert (len(references), len(wanted)) == (shots, targets)
        assert not set(references) & set(wanted)
        assert len(set(references) | set(wanted)) == min(images, shots + targets)
        assert len(set(references)) == min(shots, images - 1)
        for group in (references, wanted):
            assert max(Counter(group).values()) - min(Counter(group).values()) <= 1


def test_every_image_can_be_a_target():
    drawn = {draw_images(np.random.default_rng(seed), 3, 5, 1)[1][0] for seed in range(60)}
    assert drawn == {0, 1, 2}


class TestMistakes:
    @pytest.mark.parametrize("numbers", [(0, 1, 0, 5), (1, 0, 0, 5), (1, 1, -1, 5), (1, 1, 0, 0)])
    def test_numbers(self, pools, numbers):
        with pytest.raises(ValueError, match="RandomEpisodes: expected shots, targets and length >= 1 and seed >= 0"):
            RandomEpisodes(pools, *numbers)

    def test_no_pool(self):
        with pytest.raises(ValueError, match=r"RoundRobinEpisodes.pools: expected at least one pool"):
            RoundRobinEpisodes((), 1, 1, 0, 5)

    def test_index(self, pools):
        with pytest.raises(IndexError, match="RandomEpisodes: expected an index >= 0, but got -1"):
            RandomEpisodes(pools, 1, 1, 0, 5)[-1]


def test_repeated_starts_again(pools):
    episodes = RandomEpisodes(pools, 1, 1, seed=0, length=3)
    repeated = Repeated(episodes)
    assert len(repeated) == 3
    assert [repeated[i] for i in range(7)] == [episodes[i % 3] for i in range(7)]


def test_a_source_may_fit_a_target_to_its_reference():
    """The embedded source dresses targets: once each, from the episode's own randomness, after the draw."""
    source = Patterns(train_images=20, val_images=20, transfer=1.0)
    pool = Pool(source, "val", (3, 7))
    episode = RandomEpisodes([pool], 1, 2, seed=1, length=1)[0]
    assert all(f"={episode.references[0]}" in target for target in episode.targets)
    assert RandomEpisodes([pool], 1, 2, seed=1, length=1)[0] == episode
