"""Which module and datamodule a command line runs."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
from jsonargparse import Namespace

from launches import call, refusal, result, write_yaml
from sansa_lightning.callbacks.comparison import FrozenComparison
from sansa_lightning.callbacks.watch import WatchTraining
from sansa_lightning.cli.grammar import Grammar
from sansa_lightning.cli.recipes import RECIPES, chosen_recipe
from sansa_lightning.data.datamodule import EpisodeDataModule
from sansa_lightning.module import FewShotModule
from sansa_lightning.pretraining.datamodule import TrackingDataModule
from sansa_lightning.pretraining.tracker import TrackerModule
from sansa_lightning.trackers.zoo import Base

PRETRAIN = Path(__file__).parents[2] / "experiments" / "nano" / "pretrain.yaml"

SMALL = (
    *("--model.content_steps", 1, "--model.watch_every", 1, "--trainer.max_steps", 2, "--trainer.log_every_n_steps", 1),
    *("--data.train_length", 4, "--data.batch_size", 2, "--data.frames", 2, "--data.eval_frames", 2),
    *("--data.val_clips", 2, "--data.test_clips", 3, "--trainer.enable_progress_bar", False, "--data.tiles", 8),
)


@pytest.mark.parametrize(
    ("args", "recipe"),
    [
        ([], "few_shot"),
        (["fit", "--config", "few.yaml"], "few_shot"),
        (["fit", "--config", "tracker.yaml"], "tracker"),
        (["fit", "-c", "tracker.yaml"], "tracker"),
        (["fit", "--config=tracker.yaml", "--config", "few.yaml"], "tracker"),
        (["fit", "--config=tracker.yaml", "--recipe", "few_shot"], "few_shot"),
        (["fit", "--recipe=few_shot", "--config=tracker.yaml"], "tracker"),
        (["fit", "--recipe=tracker", "--trainer.max_steps", "3"], "tracker"),
        (["fit", "--config", "missing.yaml"], "few_shot"),
    ],
)
def test_the_last_one_named_is_run(args, recipe, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_yaml(Path("few.yaml"), {"data": {"size": 96}})
    write_yaml(Path("tracker.yaml"), {"recipe": "tracker"})
    assert chosen_recipe(args) is RECIPES[recipe]


def test_recipes_are_pairs_of_classes():
    assert (RECIPES["few_shot"].module, RECIPES["few_shot"].data) == (FewShotModule, EpisodeDataModule)
    assert (RECIPES["tracker"].module, RECIPES["tracker"].data) == (TrackerModule, TrackingDataModule)


def settings(folder: Path, *, fast_dev_run: bool = False) -> Namespace:
    """Of a run's configuration what recipes look at."""
    trainer = Namespace(fast_dev_run=fast_dev_run)
    return Namespace(run_dir=str(folder), compare_frozen=True, trainer=trainer)


def test_a_recipe_brings_its_callbacks(tmp_path):
    few_shot, tracker = RECIPES["few_shot"], RECIPES["tracker"]
    watch, comparison = few_shot.callbacks("fit", settings(tmp_path))
    assert (type(watch), type(comparison)) == (WatchTraining, FrozenComparison)
    assert comparison.picture == tmp_path / "episodes.png"
    assert few_shot.callbacks("test", settings(tmp_path))[1].picture == tmp_path / "episodes_test.png"
    assert few_shot.callbacks("test", settings(tmp_path, fast_dev_run=True))[1].picture is None
    assert [type(each) for each in few_shot.callbacks("predict", settings(tmp_path))] == [WatchTraining]
    assert tracker.callbacks("fit", settings(tmp_path)) == []


def test_a_recipe_brings_its_options_and_defaults():
    few_shot, tracker = (Grammar(RECIPES[name], ["fit", "test"]) for name in ("few_shot", "tracker"))
    compared = [few_shot.of(name).get_defaults().compare_frozen for name in ("fit", "test")]
    assert compared == [True, False]
    assert "compare_frozen" not in tracker.of("fit").get_defaults()
    assert few_shot.of("fit").get_defaults().data.train_length == 800


def test_an_unknown_recipe_is_one_line(tmp_path, capsys):
    file = write_yaml(tmp_path / "odd.yaml", {"recipe": "tracking"})
    expected = "expected one of few_shot, tracker, but got 'tracking'"
    assert refusal(capsys, "fit", "--config", file) == f"recipe ({file}): {expected}"
    assert refusal(capsys, "fit", "--recipe", "tracking") == f"recipe (--recipe): {expected}"


@pytest.mark.slow
def test_pretraining_runs_by_the_command_line(tmp_path, capsys):
    call("fit", "--config", PRETRAIN, "--run_dir", tmp_path / "run", *SMALL)
    out = capsys.readouterr().out
    found = result(tmp_path / "run")
    score = found["metrics"]["test"]
    assert (found["status"], found["steps"], found["seed"], score["frames"]) == ("finished", 2, 0, 3)
    assert f"test: tracking J {100 * score['j']:.1f} over 3 frames" in out
    Base("nano", weights=tmp_path / "run" / "nano.safetensors").build()
    with next((tmp_path / "run" / "metrics").glob("fit-1/*.csv")).open() as file:
        logged = {key for row in csv.DictReader(file) for key, value in row.items() if value}
    assert logged >= {f"watch/{name}" for name in ("decoder_spread", "trunk_norm", "neck_norm", "memory_gradient")}
    assert logged >= {"train/loss", "train/bce", "train/dice", "train/tile", "train/texture"}


@pytest.mark.slow
def test_trained_weights_are_scored_by_themselves(tmp_path, capsys):
    call("fit", "--config", PRETRAIN, "--run_dir", tmp_path / "run", *SMALL)
    weights = tmp_path / "run" / "nano.safetensors"
    call("test", "--config", PRETRAIN, "--run_dir", tmp_path / "other", *SMALL, "--model.base.weights", weights)
    assert "test: tracking J" in capsys.readouterr().out
    fitted, loaded = (
        result(tmp_path / name, stage)["metrics"]["test"] for name, stage in (("run", ""), ("other", "test"))
    )
    assert loaded["j"] == pytest.approx(fitted["j"], abs=0.02)  # half precision moves a few pixels


@pytest.mark.slow
def test_a_pretraining_run_goes_on_where_it_stopped(tmp_path):
    run = ("fit", "--config", PRETRAIN, "--run_dir", tmp_path / "run", "--checkpoint_every", 1, *SMALL)
    call(*run)
    first = (tmp_path / "run" / "nano.safetensors").read_bytes()
    call(*run, "--ckpt_path", "last")
    assert result(tmp_path / "run")["steps"] == 2
    assert (tmp_path / "run" / "nano.safetensors").read_bytes() == first
