"""The numbers that experiment files set, against those of the publications, typed here from docs/sansa.md 4."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from sansa_lightning.data import all as data_classes
from sansa_lightning.data.datamodule import EpisodeDataModule
from sansa_lightning.data.episodes.samplers import RandomEpisodes
from sansa_lightning.data.protocols.base import Pool, Strict
from sansa_lightning.data.sources.base import Source

EXPERIMENTS = Path(__file__).parents[1] / "experiments"


@dataclass(frozen=True)
class Published:
    """What is known of a benchmark's test.

    Attributes:
        size: S, side of a clip.
        episodes: of a test.
        order: how a test chooses classes.
        protocol: the rule that deals classes to training and test.
        settings: of the protocol, those that stand for a published rule.
        classes: how many a test can have: each of these numbers is tried.
        images: of a class, where the order goes by images; the most there can be, for the longest list.
    """

    size: int
    episodes: int
    order: str
    protocol: str
    settings: dict[str, Any]
    classes: Iterable[int] = ()
    images: int = 50


# docs/sansa.md 4, the table, for size, episodes and order, if not said otherwise.
PUBLISHED = {
    # 4.1: held-out classes f, f + 4, ..., f + 76
    "coco20i": Published(640, 1000, "RandomEpisodes", "Strict", {"folds": 4, "layout": "interleaved"}, [20]),
    "coco20i_released": Published(640, 1000, "RandomEpisodes", "Strict", {"folds": 4, "layout": "interleaved"}, [20]),
    # 4.2: 25 episodes a class at 92; 10 folds, of the list of classes with more than one image (3.3, row 16)
    "lvis92i": Published(640, 2300, "RoundRobinEpisodes", "StrictByPosition", {"FOLDS": 10, "min_images": 2}, [92]),
    # 4.3: every image of 240 classes of 10 is a query once
    "fss1000": Published(518, 2400, "EveryImageEpisodes", "ClassSplits", {}, [240], images=10),
    # 4.4: min(listed, 2500), round robin; all classes of a group
    "pascal_part": Published(518, 2500, "RoundRobinEpisodes", "AllClasses", {}),
    # 4.5: 4 folds of the train list, of 112 classes of which about 76 are in val with more than K images
    "paco_part": Published(
        640, 2500, "RandomEpisodes", "StrictByTrainPosition", {"FOLDS": 4, "min_images": 2}, [72, 76, 80]
    ),
    # 4.7 to 4.9: round robin over 6, 3 and 1 classes
    "deepglobe": Published(518, 600, "RoundRobinEpisodes", "AllClasses", {}),
    "isic": Published(518, 600, "RoundRobinEpisodes", "AllClasses", {}),
    "lung": Published(518, 600, "RoundRobinEpisodes", "AllClasses", {}),
    # 4.10: fold f tests 5f .. 5f + 4, going round a list of fewer than 1,000 entries; its size is COCO-20i's
    "pascal5i": Published(
        640, 1000, "EveryImageEpisodes", "Strict", {"folds": 4, "layout": "contiguous"}, [5], images=199
    ),
    "coco_to_pascal": Published(640, 1000, "EveryImageEpisodes", "CocoToPascal", {}, [4, 6], images=166),
    # 4.13: tested on all 80 classes of COCO
    "generalist_coco_ade": Published(640, 1000, "RandomEpisodes", "Generalist", {}, [80]),
    "generalist_lvis": Published(640, 1000, "RandomEpisodes", "Generalist", {}, [80]),
    "generalist_lvis_paco": Published(640, 1000, "RandomEpisodes", "Generalist", {}, [80]),
}

# Nothing is published of these; the numbers of test classes are what they have or, with data of one's own, may have.
OTHERS = {
    "ade20k": [150],
    "coco_file": [1, 100],
    "coco_mini": range(15, 21),
    "folder": [1, 100],
    "memorise_coco_mini": [8],
}

# docs/sansa.md 4.13 and 3.3, row 14; mixes without known weights have those of the largest one, relative to their sum.
WEIGHTS = {"lvis": 0.40, "coco": 0.45, "ade20k": 0.10, "paco": 0.05}
MIXES = {
    "generalist_coco_ade": {"coco", "ade20k"},
    "generalist_lvis": {"coco", "ade20k", "lvis"},
    "generalist_lvis_paco": {"coco", "ade20k", "lvis", "paco"},
}


def read(stem: str) -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load((EXPERIMENTS / f"{stem}.yaml").read_text())
    return content


def order_of(data: dict[str, Any]) -> type:
    """The class of the test's episodes; that of the datamodule if the file names none."""
    if "test_order" not in data:
        default: type = inspect.signature(EpisodeDataModule).parameters["test_order"].default
        return default
    module, _, name = data["test_order"].rpartition(".")
    named: type = getattr(importlib.import_module(module), name)
    return named


def setting(protocol: dict[str, Any], name: str) -> Any:
    """What the file says, or else what the protocol's class does."""
    kind = getattr(data_classes, protocol["class_path"])
    if name.isupper():
        return getattr(kind, name)
    return protocol["init_args"].get(name, inspect.signature(kind).parameters[name].default)


class Counted(Source):
    """Classes of as many images each, of which no list can tell more than the numbers; listed class by class.

    Args:
        classes: how many.
        images: of each.
    """

    name = "counted"

    def __init__(self, classes: int, images: int) -> None:
        self.numbers = classes, images

    def classes(self, split):
        return tuple(range(self.numbers[0]))

    def class_name(self, class_id):
        return str(class_id)

    def images(self, class_id, split):
        return tuple(f"{class_id:04d}-{image:04d}" for image in range(self.numbers[1]))

    def load(self, key, class_id):
        raise NotImplementedError


def test_every_experiment_is_here():
    assert {path.stem for path in EXPERIMENTS.glob("*.yaml")} == PUBLISHED.keys() | OTHERS.keys()


@pytest.mark.parametrize("stem", PUBLISHED)
def test_tests_are_the_published_ones(stem):
    data, published = read(stem)["data"], PUBLISHED[stem]
    assert (data["size"], data["test_episodes"]) == (published.size, published.episodes)
    assert order_of(data).__name__ == published.order
    assert data["protocol"]["class_path"] == published.protocol
    assert {name: setting(data["protocol"], name) for name in published.settings} == published.settings
    assert data.get("shots", 1) == 1
    assert data.get("score_at", "clip") == "clip"  # docs/sansa.md 4: metrics are computed at S x S


@pytest.mark.parametrize("stem", [stem for stem in PUBLISHED if "trainer" in read(stem)])
def test_training_is_as_published(stem):
    """docs/sansa.md 3: J = 3, 5 epochs, 20 of the generalist, gradients clipped at 1."""
    content = read(stem)
    assert content["data"]["train_targets"] == 3
    assert content["trainer"] == {"max_epochs": 20 if stem in MIXES else 5, "gradient_clip_val": 1.0}


def test_an_epoch_of_fss_is_all_training_images():
    assert read("fss1000")["data"]["train_length"] == 5200  # 520 x 10


@pytest.mark.parametrize("stem", MIXES)
def test_mixes(stem):
    data = read(stem)["data"]
    arguments = data["protocol"]["init_args"]
    assert data["train_length"] == 210_000
    assert set(arguments["sources"]) == MIXES[stem]
    assert arguments["weights"] == {key: WEIGHTS[key] for key in MIXES[stem]}


def test_folds_hold_out_the_published_classes():
    """docs/sansa.md 4.1 and 4.10."""
    for fold in range(4):
        for stem, count, expected in (
            ("coco20i", 80, list(range(fold, 80, 4))),
            ("pascal5i", 20, list(range(5 * fold, 5 * fold + 5))),
        ):
            protocol = Strict(**read(stem)["data"]["protocol"]["init_args"] | {"fold": fold})
            assert [class_id for class_id in range(count) if protocol.is_unseen(class_id, count)] == expected


@pytest.mark.slow
@pytest.mark.parametrize("part", ["val", "test"])
@pytest.mark.parametrize("stem", [stem for stem in PUBLISHED | OTHERS if "trainer" in read(stem)])
def test_every_class_is_drawn(stem, part):
    """One that is not would count 0 in the mean (docs/sansa.md 4.11), and the curve would tell of draws."""
    data = read(stem)["data"]
    numbers, images = (OTHERS[stem], 50) if stem in OTHERS else (PUBLISHED[stem].classes, PUBLISHED[stem].images)
    for number in numbers:
        pool = Pool(Counted(number, images), "val", tuple(range(number)))
        episodes = order_of(data)([pool], 1, 1, data.get("test_seed", 0), data[f"{part}_episodes"])
        drawn = np.bincount([episode.class_id for episode in episodes], minlength=number)
        assert drawn.min() >= 1, f"{number} classes"


def test_the_default_validation_draws_every_class_of_the_miniature():
    lengths = inspect.signature(EpisodeDataModule).parameters
    pool = Pool(Counted(8, 50), "val", tuple(range(8)))
    episodes = RandomEpisodes([pool], 1, 1, lengths["test_seed"].default, lengths["val_episodes"].default)
    assert {episode.class_id for episode in episodes} == set(range(8))
