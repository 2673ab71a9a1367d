"""Runs that are asked to end: the status, the line that says how to go on, the result, and what comes of going on."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from fakes.asker import asking
from launches import call, checkpoint, refusal, result
from sansa_lightning.data.datamodule import EpisodeDataModule
from trials import faults_of_end, faults_of_ending

pytestmark = pytest.mark.slow


def stopped(name: str, capsys: pytest.CaptureFixture[str], *args: object) -> str:
    """The one line that a run leaves with which was asked to end; signal handlers are as before."""
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    capsys.readouterr()
    with pytest.raises(SystemExit) as ended:
        call(*args)
    assert {number: signal.getsignal(number) for number in before} == before
    said = capsys.readouterr().err
    assert faults_of_ending(signal.Signals[name], ended.value.code, said) == []
    line = said.splitlines()[-1]
    assert line.startswith("interrupted")
    return line


def go_on(line: str) -> list[str]:
    return line.partition("add to the same command: ")[2].split()


@pytest.mark.parametrize(
    ("moment", "name", "step", "saved"),
    [
        ("setup", "SIGINT", 0, None),
        ("step", "SIGTERM", 2, None),  # before the first checkpoint
        ("step", "SIGINT", 7, 6),
        ("validation", "SIGTERM", 4, 3),
        ("test", "SIGINT", 8, 8),  # after the last training step: what was validated must not be lost
    ],
)
def test_a_fit(moment, name, step, saved, tiny_yaml, fitted, tmp_path, capsys):
    run = tmp_path / "run"
    args = ("fit", "--config", tiny_yaml, "--run_dir", run)
    line = stopped(name, capsys, *args, *asking(moment, name, step))
    assert result(run)["status"] == "interrupted"
    if saved is None:
        assert line.endswith("run the same command again")
    else:
        assert result(run)["steps"] == step
        assert checkpoint(run)["global_step"] == saved
        assert go_on(line) == ["--ckpt_path", "last", "--run_dir", str(run)]
    call(*args, *go_on(line))
    assert faults_of_end(run, fitted) == []


@pytest.mark.parametrize("subcommand", ["test", "validate", "predict"])
def test_what_trains_nothing(subcommand, tiny_yaml, fitted, tmp_path, capsys):
    moment = {"validate": "validation"}.get(subcommand, subcommand)
    args = (subcommand, "--config", tiny_yaml, "--run_dir", tmp_path, "--ckpt_path", _last(fitted))
    line = stopped("SIGTERM", capsys, *args, *asking(moment))
    assert line == "interrupted by SIGTERM: run the same command again"
    assert result(tmp_path, subcommand)["status"] == "interrupted"
    call(*args)
    assert result(tmp_path, subcommand)["status"] == "finished"


def test_before_anything_is_built(tiny_yaml, tmp_path, capsys, monkeypatch):
    setup = EpisodeDataModule.setup

    def interrupted(self: EpisodeDataModule, stage: str) -> None:
        setup(self, stage)
        signal.raise_signal(signal.SIGTERM)

    monkeypatch.setattr(EpisodeDataModule, "setup", interrupted)
    line = stopped("SIGTERM", capsys, "fit", "--config", tiny_yaml, "--run_dir", tmp_path / "run")
    assert line == "interrupted by SIGTERM: run the same command again"
    assert result(tmp_path / "run")["status"] == "interrupted"


def test_the_last_validation_is_repeated_if_a_run_was_stopped_before_it(tiny_yaml, tmp_path, capsys):
    """Also where it comes in mid-epoch, right after a step with a checkpoint: with step 6 of 7."""
    options = ("--trainer.max_steps", 7, "--trainer.val_check_interval", 2, "--checkpoint_every", 2)
    args = ("fit", "--config", tiny_yaml, *options)
    call(*args, "--run_dir", tmp_path / "whole")
    for moment, step, saved in (("validation", 6, 4), ("step", 7, 6)):
        run = tmp_path / f"{moment}{step}"
        line = stopped("SIGTERM", capsys, *args, "--run_dir", run, *asking(moment, step=step))
        assert checkpoint(run)["global_step"] == saved
        call(*args, *go_on(line))
        assert faults_of_end(run, tmp_path / "whole") == []
        first, then = (_steps(run / "metrics" / f"fit-{attempt}" / "metrics.csv") for attempt in (1, 2))
        assert sorted(first | then) == list(range(7))
        assert then == set(range(saved, 7))


OTHER = {
    "seed": (("--data.seed", 1), "clips "),
    "batch size": (("--data.batch_size", 1), "batch_size 2 (now 1)"),
    "fold": (("--data.protocol.init_args.fold", 1), "clips "),
    "length": (("--data.train_length", 10), "train_length 8 (now 10)"),
}


@pytest.fixture(scope="module")
def halfway(tiny_yaml, tmp_path_factory) -> Path:
    """A run that was stopped in the middle of its second epoch, under the default schedule."""
    run = tmp_path_factory.mktemp("halfway") / "run"
    with pytest.raises(SystemExit, match="143"):
        call("fit", "--config", tiny_yaml, "--run_dir", run, *asking("step", step=7))
    return run


@pytest.mark.parametrize("case", OTHER)
def test_a_run_goes_on_with_its_own_clips_only(case, halfway, fitted, tiny_yaml, capsys):
    options, words = OTHER[case]
    for run, where in ((halfway, "in mid-epoch"), (fitted, "at the end of an epoch")):
        before = _last(run).read_bytes()
        args = ("fit", "--config", tiny_yaml, "--run_dir", run.parent / f"{case}_{run.parent.name}")
        line = refusal(capsys, *args, "--ckpt_path", _last(run), *options, "--trainer.max_epochs", 3)
        assert line.startswith(f"resuming {where}: the checkpoint was trained with {words}")
        assert _last(run).read_bytes() == before


def test_two_in_one_folder(tiny_yaml, fitted, tmp_path, capsys):
    from sansa_lightning.runs.lock import take

    lock = take(tmp_path / ".fit.lock")
    assert "is in use by another fit, process " in refusal(capsys, "fit", "--config", tiny_yaml, "--run_dir", tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [".fit.lock"]
    partial = tmp_path / "checkpoints" / ".last.ckpt.1-01234567.partial"
    partial.parent.mkdir()
    partial.touch()
    call("test", "--config", tiny_yaml, "--run_dir", tmp_path, "--ckpt_path", _last(fitted))
    assert partial.exists()
    lock.release()


def _last(run: Path) -> Path:
    return run / "checkpoints" / "last.ckpt"


def _steps(path: Path) -> set[int]:
    head, *rows = [line.split(",") for line in path.read_text().splitlines()]
    step, loss = head.index("step"), head.index("train/loss")
    return {int(row[step]) for row in rows if row[loss]}
