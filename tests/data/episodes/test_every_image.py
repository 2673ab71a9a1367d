"""Episodes that walk through all images."""

from __future__ import annotations

from collections import Counter

import pytest

from fakes.isic import write_isic
from sansa_lightning.data.episodes.every_image import EveryImageEpisodes
from sansa_lightning.data.protocols.class_lists import AllClasses
from sansa_lightning.data.sources.isic import Isic


@pytest.fixture
def pools(tmp_path):
    return AllClasses().pools(Isic(write_isic(tmp_path / "isic").root), "test")


def test_each_image_is_the_target_once_a_round(pools):
    episodes = EveryImageEpisodes(pools, 1, 1, 0, 30)
    entries = [(key, c) for c in pools[0].classes for key in pools[0].source.images(c, "val")]
    assert len(entries) == 12
    targets = [(episode.targets[0], episode.class_id) for episode in episodes]
    assert targets == [sorted(entries)[i % 12] for i in range(30)]


@pytest.mark.parametrize("shots", [1, 3, 5])
def test_references_are_other_images_of_the_class(pools, shots):
    episodes = EveryImageEpisodes(pools, shots, 1, 0, 1200)
    counts = Counter()
    for episode in episodes:
        images = set(pools[0].source.images(episode.class_id, "val"))
        assert len(episode.references) == shots
        assert set(episode.references) <= images - set(episode.targets)
        assert len(set(episode.references)) == min(shots, 3)
        counts.update(episode.references)
    assert len(counts) == 12
    assert max(counts.values()) < 1.5 * min(counts.values())


def test_an_episode_follows_from_seed_and_index(pools):
    one, again, other = (EveryImageEpisodes(pools, 1, 1, seed, 40) for seed in (0, 0, 1))
    assert [again[i] for i in reversed(range(40))][::-1] == list(one)
    assert [e.targets for e in one] == [e.targets for e in other]
    assert [e.references for e in one] != [e.references for e in other]
    assert one[100].targets == one[4].targets


def test_mistakes(pools):
    with pytest.raises(ValueError, match=r"EveryImageEpisodes.targets: expected 1, since each picture .* but got 3"):
        EveryImageEpisodes(pools, 1, 3, 0, 10)
    with pytest.raises(IndexError, match=r"expected an index >= 0, but got -1"):
        EveryImageEpisodes(pools, 1, 1, 0, 10)[-1]
