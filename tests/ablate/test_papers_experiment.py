"""Whether a configuration is the paper's own experiment, and what tells it from that."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from sansa_lightning.ablate.papers_experiment import EXPERIMENT, difference
from sansa_lightning.cli.resolve import as_plain, resolve

ROOT = Path(__file__).parents[2]


def resolved(*files: str) -> dict[str, Any]:
    return as_plain(resolve([ROOT / file for file in files], {}))


NANO, COCO = resolved("experiments/nano/ablate.yaml"), resolved("experiments/coco20i.yaml")


def changed(config: dict[str, Any], key: str, value: Any) -> dict[str, Any]:
    """A configuration with one dotted key of another value."""
    first, _, rest = key.partition(".")
    return {**config, first: changed(config[first], rest, value) if rest else value}


POINT = {"class_path": "x.PointPrompt", "init_args": {"least": 1}}


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("data.shots", 5, "5 references"),
        ("data.size", 96, "96 pixels"),
        ("data.source", {"class_path": "x.Lvis"}, "source Lvis"),
        ("data.protocol", {"class_path": "x.InDomain", "init_args": {"folds": 4}}, "protocol InDomain"),
        ("data.memorise", True, "memorised test clips"),
        ("model.base.name", "sam2_hiera_tiny", "base sam2_hiera_tiny"),
        ("model.base.weights", None, "random weights"),
        ("model.base.weights", "a.pt", "model.base.weights 'a.pt'"),
        ("model.method", {"class_path": "x.NegativeClicks", "init_args": {}}, "model.method NegativeClicks"),
        ("model.method.init_args.kshot_memory", "other", "model.method.kshot_memory 'other'"),
        ("model.strategy.init_args.scale", 0.3, "model.strategy.scale 0.3"),
        ("model.optimizer.init_args.lr", 0.01, "model.optimizer.lr 0.01"),
        ("data.prompt", POINT, "data.prompt PointPrompt"),
        ("data.train_prompt", POINT, "data.train_prompt PointPrompt"),
        ("data.score_at", "original", "data.score_at 'original'"),
        ("data.manifest", "episodes.txt", "data.manifest 'episodes.txt'"),
        ("data.source.init_args.min_area", 5000.0, "data.source.min_area 5000.0"),
        ("data.source.init_args.train", "train2017", "data.source.train 'train2017'"),
        ("data.test_episodes", 5, "data.test_episodes 5"),
        ("data.train_length", 4, "data.train_length 4"),
        ("data.train_targets", 1, "data.train_targets 1"),
        ("data.train_shots", 2, "data.train_shots 2"),
        ("trainer.max_steps", 3, "trainer.max_steps 3"),
        ("trainer.max_epochs", 1, "trainer.max_epochs 1"),
        ("trainer.limit_test_batches", 1, "trainer.limit_test_batches 1"),
        ("trainer.callbacks", [{"class_path": "EarlyStopping"}], "trainer.callbacks [{'class_path': 'EarlyStopping'}]"),
        ("data.batch_size", 5, "batch 5 per process"),
        ("data.batch_size", 64, "batch 64 per process"),
        ("trainer.devices", 2, "batch 8"),
        ("trainer.devices", [0, 1, 2], "batch 12"),
    ],
)
def test_what_tells_an_experiment_from_the_papers_is_named(key, value, words):
    assert difference(changed(COCO, key, value)) == words


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("data.source.init_args.root", "/elsewhere"),
        ("data.protocol.init_args.fold", 3),
        ("data.seed", 5),
        ("data.prompt", {"class_path": "x.MaskPrompt", "init_args": {}}),  # what null means
        ("data.batch_size", 32),
        ("trainer.devices", 8),
        ("trainer.logger", {"class_path": "WandbLogger"}),
    ],
)
def test_what_is_drawn_watched_and_where_it_is_tells_nothing(key, value):
    assert difference(changed(COCO, key, value)) == ""


def test_the_papers_experiment_is_the_one_that_is_shipped():
    assert yaml.safe_load(EXPERIMENT.read_text()) == yaml.safe_load((ROOT / "experiments/coco20i.yaml").read_text())
    assert difference(COCO) == difference(resolved("experiments/coco20i_released.yaml")) == ""
    lists = changed(resolved("experiments/coco20i_released.yaml"), "data.source.init_args.fold", 1)
    assert difference(lists) == "data.source Coco20iReleased"


def test_few_pictures_in_the_papers_format_are_not_its_experiment():
    small = changed(resolved("experiments/coco_mini.yaml"), "data.size", 640)
    small = changed(small, "model.base", COCO["model"]["base"])
    small = changed(changed(small, "data.test_episodes", 5), "data.train_length", 4)
    assert difference(small) == (
        "trainer.max_epochs 2, data.source.train 'train2017', data.source.val 'val2017', data.train_length 4, "
        "data.test_episodes 5"
    )


@pytest.mark.slow
def test_rows_may_change_what_the_paper_compares_by_their_files_and_nothing_else(tmp_path):
    files = ("ablations/lora.yaml", "ablations/j_length/5.yaml", "ablations/prompts/point.yaml")
    row = resolved("experiments/coco20i.yaml", *files)
    assert difference(row, files=[ROOT / file for file in files]) == ""
    assert difference(row) == (
        "model.strategy LoRA, data.train_targets 5, data.prompt PointPrompt, data.train_prompt PointPrompt"
    )
    (tmp_path / "row.yaml").write_text("data: {train_targets: 5, test_episodes: 7}\n")
    few = resolved("experiments/coco20i.yaml", tmp_path / "row.yaml")
    assert difference(few, files=[tmp_path / "row.yaml"]) == "data.test_episodes 7"


def test_files_that_do_not_fit_the_papers_experiment_are_named(tmp_path):
    (tmp_path / "row.yaml").write_text("data: {source: {init_args: {ruot: x}}}\n")
    assert difference(COCO, files=[tmp_path / "row.yaml"]).startswith("files that do not fit the paper's experiment: ")


def test_rows_with_bases_of_their_own_may_have_any_published_one():
    assert difference(changed(COCO, "model.base.name", "sam2_hiera_tiny"), None) == ""
    assert difference(NANO, None) == "source Patterns, 96 pixels, base nano"
