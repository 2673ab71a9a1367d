"""The folder of a run: which can be, whose it is, and what is found in it."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from launches import call, checkpoint, refusal
from sansa_lightning.runs.folder import (
    chosen_folder,
    expanded,
    interruption,
    refuse_taken,
    release_folder,
    take_folder,
)
from sansa_lightning.runs.lock import take

KINDS = pytest.mark.parametrize("subcommand", ["fit", "validate", "test", "predict"])


def result(folder: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((folder / "result.json").read_text())
    return content


@pytest.fixture(autouse=True)
def _released():
    yield
    release_folder()


def test_home_is_expanded(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert chosen_folder("~/runs/a") == tmp_path / "runs" / "a"
    with pytest.raises(ValueError, match=r"run_dir: ~nobody-of-this-name/x: "):
        expanded("~nobody-of-this-name/x")


@KINDS
@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("x" * 300, "File name too long"),
        ("a\0b", "embedded null"),
        ("file", "file is not a folder"),
        ("file/below", "file is not a folder"),
        ("loop/below", "loop is not a folder"),
        ("dangling", "is not a folder"),
        ("/proc/no/such", "No such file|not permitted|no permission to write|Permission"),
        ("/".join(["x" * 250] * 17), "File name too long"),
    ],
)
def test_a_name_that_cannot_be_is_refused_and_leaves_nothing(subcommand, name, reason, tmp_path):
    (tmp_path / "file").write_text("mine")
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "dangling").symlink_to("nowhere")
    before = sorted(tmp_path.iterdir())
    with pytest.raises(
        ValueError, match=rf"(?s)^run_dir: .* cannot be written to: .*({reason}).*; choose another folder$"
    ):
        take_folder(tmp_path / name, subcommand)
    assert sorted(tmp_path.iterdir()) == before
    assert (tmp_path / "file").read_text() == "mine"


@pytest.mark.parametrize(
    ("subcommand", "name"),
    [("fit", "checkpoints"), ("fit", "metrics"), ("test", "metrics"), ("predict", "predictions")],
)
def test_a_file_in_the_place_of_a_folder_is_refused(subcommand, name, tmp_path):
    (tmp_path / name).touch()
    with pytest.raises(ValueError, match=f"cannot be written to: .*/{name} is not a folder"):
        take_folder(tmp_path, subcommand)
    assert [path.name for path in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize(("subcommand", "name"), [("fit", "result.json"), ("test", "config_test.yaml")])
def test_a_folder_in_the_place_of_a_file_is_refused(subcommand, name, tmp_path):
    (tmp_path / name).mkdir()
    with pytest.raises(ValueError, match=f"cannot be written to: {name} is a folder"):
        take_folder(tmp_path, subcommand)


@pytest.mark.skipif(os.geteuid() == 0, reason="everything can be written by root")
def test_a_folder_without_the_right_to_write_is_refused(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(ValueError, match="no permission to write"):
        take_folder(tmp_path / "run", "fit")


@KINDS
def test_two_of_a_kind_are_refused_and_others_share(subcommand, tmp_path):
    other = take(tmp_path / f".{subcommand}.lock")
    line = rf"run_dir: .* is in use by another {subcommand}, process {os.getpid()} on .*; wait for its end, or choose"
    with pytest.raises(ValueError, match=line):
        take_folder(tmp_path, subcommand)
    for each in {"fit", "validate", "test", "predict"} - {subcommand}:
        take_folder(tmp_path, each)
    other.release()
    take_folder(tmp_path, subcommand)
    release_folder()
    assert not list(tmp_path.iterdir())


def test_the_further_processes_of_a_run_take_no_lock(tmp_path, monkeypatch):
    take_folder(tmp_path / "run", "fit")
    with monkeypatch.context() as patch:
        patch.setenv("LOCAL_RANK", "1")
        take_folder(tmp_path / "run", "fit")
    assert (tmp_path / "run" / ".fit.lock").exists()


def test_a_folder_in_which_nothing_was_written_vanishes(tmp_path):
    take_folder(tmp_path / "a" / "b", "fit")
    assert (tmp_path / "a" / "b").is_dir()
    release_folder()
    assert not list(tmp_path.iterdir())
    take_folder(tmp_path / "a" / "b", "fit")
    (tmp_path / "a" / "b" / "config.yaml").touch()
    release_folder()
    assert [path.name for path in tmp_path.rglob("*")] == ["a", "b", "config.yaml"]


LEFT = ".{}.4711-0123abcd.partial"


def test_only_what_runs_of_the_kind_left_of_their_own_files_is_cleared_away(tmp_path):
    own = ["checkpoints/last.ckpt", "config.yaml", "result.json", "episodes.png", "episodes.csv"]
    others = ["result_test.json", "predictions/annotations.json", "sub/last.ckpt", "notes.txt"]
    for name in own + others:
        path = (tmp_path / name).with_name(LEFT.format(Path(name).name))
        path.parent.mkdir(exist_ok=True)
        path.touch()
    persons = [tmp_path / ".thesis.partial", tmp_path / "checkpoints" / ".last.ckpt.partial"]
    for path in persons:
        path.write_text("mine")
    take_folder(tmp_path, "fit")
    left = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*.partial")}
    expected = {str(Path(name).with_name(LEFT.format(Path(name).name))) for name in others}
    assert left == expected | {".thesis.partial", "checkpoints/.last.ckpt.partial"}


def test_a_predict_clears_away_half_a_mask(tmp_path):
    masks = tmp_path / "predictions" / "masks"
    masks.mkdir(parents=True)
    (masks / LEFT.format("00031_0.png")).touch()
    (masks / "00030_0.png").touch()
    take_folder(tmp_path, "test")
    assert len(list(masks.iterdir())) == 2
    take_folder(tmp_path, "predict")
    assert [path.name for path in masks.iterdir()] == ["00030_0.png"]


def test_left_overs_do_not_make_a_run(tmp_path):
    folder = tmp_path / "checkpoints"
    refuse_taken(tmp_path, None)
    folder.mkdir()
    (folder / ".last.ckpt.partial").touch()
    (folder / LEFT.format("last.ckpt")).touch()
    refuse_taken(tmp_path, None)
    (folder / "best.ckpt").touch()
    with pytest.raises(ValueError, match="holds a run; add --ckpt_path last to resume it"):
        refuse_taken(tmp_path, None)
    with pytest.raises(ValueError, match="holds a run"):
        refuse_taken(tmp_path, str(tmp_path.parent / "other" / "checkpoints" / "last.ckpt"))
    refuse_taken(tmp_path, str(folder / "best.ckpt"))


def test_an_interruption_says_how_to_go_on_and_is_in_the_result(tmp_path):
    again = "interrupted by SIGINT: run the same command again"
    assert interruption("SIGINT") == again
    run = tmp_path / "a run"
    take_folder(run, "fit")
    assert interruption("SIGINT") == again
    assert result(run)["status"] == "interrupted"
    (run / "result.json").write_text(json.dumps({"status": "running", "steps": 3, "seconds": 0.1}))
    (run / "checkpoints").mkdir()
    (run / "checkpoints" / "last.ckpt").touch()
    line = interruption("SIGTERM")
    assert line == f"interrupted by SIGTERM: to resume, add to the same command: --ckpt_path last --run_dir '{run}'"
    found = result(run)
    assert (found["status"], found["steps"]) == ("interrupted", 3)


@pytest.mark.parametrize("status", ["finished", "failed", "interrupted"])
def test_an_interruption_leaves_what_is_over_as_it_is(status, tmp_path):
    content = json.dumps({"status": status, "metrics": {"test": {}}})
    (tmp_path / "result_test.json").write_text(content)
    take_folder(tmp_path, "test")
    assert interruption("SIGTERM") == "interrupted by SIGTERM: run the same command again"
    assert (tmp_path / "result_test.json").read_text() == content


def test_the_time_of_an_attempt_that_was_killed_is_not_that_of_the_next(tmp_path):
    path = tmp_path / "result.json"
    path.write_text(json.dumps({"status": "running", "seconds": 0.5}))
    os.utime(path, (1000, 1000))
    take_folder(tmp_path, "fit")
    interruption("SIGTERM")
    assert result(tmp_path) == {"status": "interrupted", "seconds": 0.5}


SHORT = ("--trainer.max_steps", 1, "--trainer.limit_test_batches", 0, "--trainer.limit_val_batches", 0)


def test_the_command_line_expands_home(tiny_yaml, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    call("fit", "--config", tiny_yaml, *SHORT, "--run_dir=~/mine")
    assert result(tmp_path / "home" / "mine")["status"] == "finished"
    assert not list((tmp_path / "here").iterdir())


def test_the_command_line_refuses_a_name_before_it_reads_data(tiny_yaml, tmp_path, capsys):
    nowhere = ("--data.source.init_args.root", tmp_path / "nowhere")
    line = refusal(capsys, "fit", "--config", tiny_yaml, *nowhere, "--run_dir", tmp_path / ("x" * 300))
    assert "cannot be written to: File name too long; choose another folder" in line


def test_the_command_line_is_not_blocked_by_left_overs_and_removes_no_file_of_a_person(tiny_yaml, tmp_path):
    """Of a run that was killed in its first write, by this version or an earlier one; in a folder that has others."""
    persons = [tmp_path / ".thesis.partial", tmp_path / "older" / "notes.partial"]
    left = [tmp_path / "checkpoints" / name for name in (".last.ckpt.partial", LEFT.format("last.ckpt"))]
    for path in persons + left:
        path.parent.mkdir(exist_ok=True)
        path.write_text("half")
    call("fit", "--config", tiny_yaml, *SHORT, "--run_dir", tmp_path)
    assert checkpoint(tmp_path)["global_step"] == 1
    assert [path.read_text() for path in persons] == ["half", "half"]
    assert not left[1].exists()
