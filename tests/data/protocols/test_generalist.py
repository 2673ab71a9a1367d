"""Mixes of sources: shares, lengths, and which split of which source."""

from __future__ import annotations

import math
from collections import Counter

import pytest

from fakes.coco import write_coco
from fakes.lvis import write_lvis
from fakes.paco_part import write_paco
from sansa_lightning.data.datamodule import EpisodeDataModule
from sansa_lightning.data.episodes.samplers import RandomEpisodes
from sansa_lightning.data.loading.loader import TrainBatches
from sansa_lightning.data.protocols.generalist import MIX, CrossDataset, Generalist
from sansa_lightning.data.sources.coco import Coco
from sansa_lightning.data.sources.lvis import Lvis
from sansa_lightning.data.sources.paco_part import PacoPart

DRAWS = 20_000


@pytest.fixture(scope="module")
def sources(tmp_path_factory):
    root = tmp_path_factory.mktemp("mix")
    coco = write_coco(root / "coco").root
    return {
        "lvis": Lvis(write_lvis(root / "lvis").root),
        "coco": Coco(coco),
        # In COCO's format, since only names and shares matter here.
        "ade20k": Coco(coco, name="ade20k"),
        "paco": PacoPart(write_paco(root / "paco").root),
    }


@pytest.mark.slow
@pytest.mark.parametrize(
    "weights", [None, {"coco": 3.0, "ade20k": 1.0}, {"coco": 0.45, "ade20k": 0.10, "lvis": 0.40}], ids=str
)
def test_source_frequencies(sources, weights):
    """Within three standard deviations of the weights."""
    chosen = {key: sources[key] for key in weights or MIX}
    pools = Generalist(chosen, weights).pools(sources["coco"], "train")
    shares = weights or MIX
    counts = Counter(episode.source for episode in RandomEpisodes(pools, 1, 1, 0, DRAWS))
    for key in chosen:
        share = shares[key] / sum(shares.values())
        assert abs(counts[key] - DRAWS * share) <= 3 * math.sqrt(DRAWS * share * (1 - share))
    assert set(counts) == set(chosen)


def test_the_paper_s_shares():
    assert MIX == {"lvis": 0.40, "coco": 0.45, "ade20k": 0.10, "paco": 0.05}
    assert sum(MIX.values()) == pytest.approx(1)


def test_classes_within_a_source_are_equally_likely(sources):
    (pool,) = Generalist({"coco": sources["coco"]}).pools(sources["coco"], "train")
    counts = Counter(episode.class_id for episode in RandomEpisodes([pool], 1, 1, 0, 7000))
    assert set(counts) == set(range(7))  # class 7 has one image
    assert all(abs(count - 1000) <= 3 * math.sqrt(7000 / 7 * 6 / 7) for count in counts.values())


def test_all_classes_train_and_all_of_the_datamodule_s_source_test(sources):
    protocol = Generalist(sources)
    train = protocol.pools(sources["coco"], "train")
    assert [pool.source for pool in train] == list(sources.values())
    assert {pool.split for pool in train} == {"train"}
    assert train[0].classes == (3, 17, 40, 256, 900)
    assert train[3].classes == (120, 121, 190, 300)
    (test,) = protocol.pools(sources["coco"], "test")
    assert (test.source, test.split, test.classes) == (sources["coco"], "val", tuple(range(7)))


def test_an_epoch_has_its_length_and_ranks_share_it_without_repetition(sources):
    data = EpisodeDataModule(sources["coco"], Generalist(sources), size=16, train_length=210, batch_size=4)
    data.setup("fit")
    episodes = data.episodes("train")
    assert len(episodes) == 210
    ranks = [[i for step in TrainBatches(len(episodes), 4, rank, 2) for i in step] for rank in range(2)]
    assert sorted(ranks[0] + ranks[1]) == list(range(208))  # two of the 210 do not fill a step
    assert len(ranks[0]) == len(ranks[1])
    here, there = ({episodes[i].to_json() for i in rank} for rank in ranks)
    assert len({episode.source for episode in episodes}) == 4
    assert len(here | there) > 150  # other indices are other draws


def test_a_mix_makes_batches(sources):
    data = EpisodeDataModule(
        sources["coco"], Generalist(sources), size=32, train_length=40, batch_size=8, num_workers=0
    )
    data.setup("fit")
    batches = list(data.train_dataloader())
    assert [batch.images.shape for batch in batches] == [(8, 4, 3, 32, 32)] * 5
    assert {episode.source for batch in batches for episode in batch.episodes} == set(sources)
    (episode,) = next(iter(data.val_dataloader())).clips.episodes[:1]
    assert episode.source == "coco"


def test_cross_dataset(sources):
    protocol = CrossDataset(sources["lvis"])
    (train,), (test,) = (protocol.pools(sources["coco"], stage) for stage in ("train", "test"))
    assert (train.source, train.split, train.classes) == (sources["lvis"], "train", (3, 17, 40, 256, 900))
    assert (test.source, test.split, test.classes) == (sources["coco"], "val", tuple(range(7)))
    assert test.dropped == (7,)


class TestMistakes:
    @pytest.mark.parametrize(
        ("names", "weights"),
        [([], None), (["coco"], {}), (["coco"], {"coco": 1.0, "ade": 1.0}), (["other"], None)],
    )
    def test_weights(self, sources, names, weights):
        message = r"Generalist.weights: expected one for each of the sources \[.*\], but got them for \["
        with pytest.raises(ValueError, match=message):
            Generalist(dict.fromkeys(names, sources["coco"]), weights)

    @pytest.mark.parametrize("weight", [0.0, -1.0, float("nan")])
    def test_weight(self, sources, weight):
        protocol = Generalist({"coco": sources["coco"]}, {"coco": weight})
        with pytest.raises(
            ValueError, match=r"Pool of coco in .*, train: expected at least one class and a weight > 0"
        ):
            protocol.pools(sources["coco"], "train")

    def test_min_images(self, sources):
        with pytest.raises(ValueError, match=r"Generalist.min_images: expected at least 2, but got 1"):
            Generalist({"coco": sources["coco"]}, min_images=1)
        with pytest.raises(ValueError, match=r"CrossDataset.min_images: expected at least 2, but got 1"):
            CrossDataset(sources["coco"], 1)

    def test_two_sources_of_one_name(self, sources):
        protocol = Generalist({"coco": sources["coco"], "lvis": Coco(sources["coco"].root)})
        data = EpisodeDataModule(sources["coco"], protocol)
        with pytest.raises(ValueError, match=r"Generalist: expected sources of different names"):
            data.pools("train")
