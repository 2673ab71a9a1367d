"""Real photographs: a tour of every fold of COCO-20i, and of LVIS and PACO with annotations made from COCO's."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from fakes.coco_mini import write_lvis_style, write_paco_style
from sansa_lightning.data.datamodule import EpisodeDataModule
from sansa_lightning.data.episodes.samplers import RoundRobinEpisodes
from sansa_lightning.data.protocols.base import Strict
from sansa_lightning.data.protocols.lists import StrictByPosition, StrictByTrainPosition
from sansa_lightning.data.sources.coco import Coco
from sansa_lightning.data.sources.lvis import Lvis, LvisReleased
from sansa_lightning.data.sources.object_source import picture_of
from sansa_lightning.data.sources.paco_part import PacoPart


@pytest.fixture(scope="module")
def mini(shared) -> Path:
    return (shared / "data" / "coco_mini").resolve()


@pytest.fixture(scope="module")
def lvis(mini, tmp_path_factory) -> Path:
    return write_lvis_style(mini, tmp_path_factory.mktemp("real") / "LVIS")


@pytest.fixture(scope="module")
def paco(mini, tmp_path_factory):
    return write_paco_style(mini, tmp_path_factory.mktemp("real") / "PACO-Part")


@pytest.mark.slow
@pytest.mark.parametrize("split", ["train", "val"])
def test_lvis_gives_what_coco_gives(mini, lvis, split):
    """Same photographs, same objects: the sources must agree pixel for pixel, outside of crowds."""
    coco = Coco(mini)
    json, pickled = Lvis(lvis), LvisReleased(lvis)
    for place, class_id in enumerate(json.classes(split)):
        expected = [key.replace(f"{split}/", f"{split}/{split}2017/") for key in coco.images(place, split)]
        assert list(json.images(class_id, split)) == expected
        if expected:
            assert sorted(pickled.images(class_id, split)) == sorted(expected)
        assert json.class_name(class_id) == coco.class_name(place)
        for key, other in zip(expected[:2], coco.images(place, split), strict=False):
            mask = coco.load(other, place)[1] == 1
            np.testing.assert_array_equal(json.load(key, class_id)[1], mask)
            np.testing.assert_array_equal(pickled.load(key, class_id)[1], mask)


@pytest.mark.slow
@pytest.mark.parametrize("fold", range(4))
def test_a_tour_of_coco20i(mini, fold):
    data = EpisodeDataModule(Coco(mini), Strict(fold), size=96, train_length=8, test_episodes=60, num_workers=0)
    data.setup("fit")
    data.setup("test")
    base, unseen = set(data.pools("train")[0].classes), set(data.test_classes)
    assert all(class_id % 4 != fold for class_id in base)
    assert all(class_id % 4 == fold for class_id in unseen)
    for batch in data.train_dataloader():
        assert batch.images.shape == (4, 4, 3, 96, 96)
        assert {episode.class_id for episode in batch.episodes} <= base
    shown = []
    for each in data.test_dataloader():
        batch = each.clips
        assert {episode.class_id for episode in batch.episodes} <= unseen
        shown += (batch.masks == 1).flatten(2).any(-1).flatten().tolist()
    assert sum(shown) / len(shown) > 0.8  # small objects may vanish at this size
    assert len({episode.class_id for episode in data.episodes("test")}) > 10


@pytest.mark.slow
@pytest.mark.parametrize("fold", range(StrictByPosition.FOLDS))
def test_a_tour_of_lvis(lvis, fold):
    data = EpisodeDataModule(
        Lvis(lvis),
        StrictByPosition(fold),
        size=64,
        train_length=8,
        test_episodes=16,
        test_order=RoundRobinEpisodes,
        num_workers=0,
    )
    data.setup("fit")
    data.setup("test")
    assert not set(data.pools("train")[0].classes) & set(data.test_classes)
    batch, test = next(iter(data.train_dataloader())), next(iter(data.test_dataloader())).clips
    assert batch.images.shape == (4, 4, 3, 64, 64)
    assert test.images.shape == (8, 2, 3, 64, 64)
    assert (test.masks == 1).flatten(2).any(-1).float().mean() > 0.8  # small objects may vanish at this size
    assert {episode.class_id for episode in test.episodes} <= set(data.test_classes)


@pytest.mark.slow
def test_every_part_of_paco_is_cut_as_painted(paco):
    root, truth = paco
    source = PacoPart(root)
    listed = {(key, c) for s in ("train", "val") for c in source.classes(s) for key in source.images(c, s)}
    assert listed == set(truth)
    for key, class_id in sorted(listed)[::40]:
        image, mask = source.load(key, class_id)
        np.testing.assert_array_equal(mask, truth[key, class_id])
        assert image.shape == (*mask.shape, 3)


@pytest.mark.slow
@pytest.mark.parametrize("fold", range(4))
def test_a_tour_of_paco(paco, fold):
    root, _ = paco
    data = EpisodeDataModule(
        PacoPart(root), StrictByTrainPosition(fold), size=64, train_length=8, test_episodes=100, num_workers=0
    )
    data.setup("fit")
    data.setup("test")
    assert not set(data.pools("train")[0].classes) & set(data.test_classes)
    for episode in data.episodes("test"):
        assert picture_of(episode.references[0]) != picture_of(episode.targets[0])
    assert next(iter(data.test_dataloader())).clips.images.shape == (8, 2, 3, 64, 64)
    assert len(list(data.train_dataloader())) == 2
