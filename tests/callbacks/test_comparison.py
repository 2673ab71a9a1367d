"""What `fit` says of the base without its strategy."""

from __future__ import annotations

import json

import pytest
from PIL import Image

from launches import call, result, tiny, write_yaml


@pytest.fixture(scope="module")
def frozen(tiny_yaml, tmp_path_factory) -> dict:
    """What a base without any strategy scores on the same episodes."""
    folder = tmp_path_factory.mktemp("frozen")
    call("test", "--config", tiny_yaml, "--model.strategy", "Frozen", "--run_dir", folder)
    return result(folder, "test")["metrics"]["test"]


def head_of_table(out: str) -> list[str]:
    return next(line.split() for line in out.splitlines() if line.startswith("class "))


@pytest.mark.slow
def test_a_fit_scores_the_frozen_base_and_its_controls(fitted, frozen):
    found = result(fitted)["metrics"]
    assert json.dumps(found["frozen"]) == json.dumps(frozen)
    assert found["test"]["miou"] != frozen["miou"]
    assert set(found["test"]["controls"]) == {"wrong_miou", "margin", "everything_miou", "choice", "choice_chance"}
    for name in ("everything_miou", "choice_chance"):  # of the targets alone
        assert found["test"]["controls"][name] == frozen["controls"][name] > 0


@pytest.mark.slow
def test_of_a_fine_tuned_base_too(coco, frozen, tmp_path):
    config = tiny(coco.root)
    config["model"]["strategy"] = {"class_path": "FineTune", "init_args": {"parts": ["decoder"]}}
    config["trainer"]["max_steps"] = 2
    call("fit", "--config", write_yaml(tmp_path / "tune.yaml", config), "--run_dir", tmp_path / "run")
    found = result(tmp_path / "run")["metrics"]
    assert found["frozen"] == frozen
    assert found["test"]["miou"] != frozen["miou"]


@pytest.mark.slow
def test_both_are_printed_and_painted(tiny_yaml, tmp_path, capsys):
    options = ("--trainer.max_steps", 1, "--data.test_episodes", 3)
    call("fit", "--config", tiny_yaml, "--run_dir", tmp_path, *options)
    out = capsys.readouterr().out
    assert head_of_table(out) == ["class", "targets", "frozen", "adapted"]
    assert "wrong reference" in out
    assert f"episodes: {tmp_path / 'episodes.png'}" in out
    with Image.open(tmp_path / "episodes.png") as picture:
        assert min(picture.size) > 192


@pytest.mark.slow
def test_a_fit_need_not_compare(tiny_yaml, tmp_path, capsys):
    call("fit", "--config", tiny_yaml, "--run_dir", tmp_path, "--trainer.max_steps", 1, "--compare_frozen", "false")
    assert set(result(tmp_path)["metrics"]) == {"test"}
    assert not (tmp_path / "episodes.png").exists()
    assert head_of_table(capsys.readouterr().out) == ["class", "targets", "test"]


@pytest.mark.slow
def test_a_checkpoint_can_be_compared_and_controls_left_out(fitted, tiny_yaml, tmp_path, capsys):
    last = fitted / "checkpoints" / "last.ckpt"
    options = ("--compare_frozen", "true", "--data.controls", "false")
    call("test", "--config", tiny_yaml, "--run_dir", tmp_path, "--ckpt_path", last, *options)
    found, before = result(tmp_path, "test")["metrics"], result(fitted)["metrics"]
    for name in ("frozen", "test"):
        assert found[name] == {key: value for key, value in before[name].items() if key != "controls"}
    assert (tmp_path / "episodes_test.png").is_file()
    assert "margin" not in capsys.readouterr().out
