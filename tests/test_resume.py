"""A run that is killed, in whatever moment, and goes on gives what the uninterrupted run gives."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from launches import assert_equal_weights, call, checkpoint, finish, result, start, tiny, write_yaml

pytestmark = pytest.mark.slow

# Epochs have 4 steps; checkpoints are written after steps 3, 4 (end of epoch), 6 and 8.
MOMENTS = {"step": 7, "validation": 8, "epoch": 4, "writing": 6}
LAST_STEP = {"step": 6, "validation": 6, "epoch": 4, "writing": 4}
"""Step of the checkpoint that each of these leaves behind."""


@pytest.fixture(scope="module")
def killed(coco, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Run folders of processes that were killed, all started at once; with a worker, and with dropout in "step"."""
    folder = tmp_path_factory.mktemp("killed")
    processes = {}
    for moment, step in MOMENTS.items():
        config = tiny(coco.root)
        config["model"]["memory_dropout"] = moment == "step"
        config["data"]["num_workers"] = int(moment == "step")
        plain = write_yaml(folder / f"{moment}.yaml", config)
        killer = f'{{"class_path": "fakes.killer.KillAt", "init_args": {{"moment": "{moment}", "step": {step}}}}}'
        args = ("fit", "--config", plain, "--run_dir", folder / moment, "--trainer.callbacks", killer)
        processes[moment] = start(*args)
    ends = {moment: finish(process) for moment, process in processes.items()}
    for moment, (status, out, err) in ends.items():
        assert status == -signal.SIGKILL, f"{moment}: {out}\n{err}"
    return {moment: folder / moment for moment in MOMENTS}


def go_on(folder: Path) -> None:
    call("fit", "--config", folder.with_suffix(".yaml"), "--run_dir", folder, "--ckpt_path", "last")


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_killed_run_goes_on_to_the_same_weights(moment, killed, fitted, tmp_path):
    folder = killed[moment]
    assert result(folder)["status"] == "running"
    assert checkpoint(folder)["global_step"] == LAST_STEP[moment]
    assert bool(list(folder.rglob("*.partial"))) == (moment == "writing")
    go_on(folder)
    whole = fitted
    if moment == "step":
        whole = tmp_path / "whole"
        call("fit", "--config", folder.with_suffix(".yaml"), "--run_dir", whole)
    assert_equal_weights(folder, whole)
    assert checkpoint(folder)["global_step"] == 8
    assert result(folder)["status"] == "finished"
    assert result(folder)["metrics"] == result(whole)["metrics"]
    assert not list(folder.rglob("*.partial"))


def test_dropout_made_a_difference(killed, fitted):
    # Otherwise the test above would not be about dropout.
    with pytest.raises(AssertionError, match=r"base\."):
        assert_equal_weights(killed["step"], fitted)


def test_metrics_of_the_first_part_are_kept(killed):
    folder = killed["step"]
    if result(folder)["status"] == "running":  # the test above may have run in another process, on a folder of its own
        go_on(folder)
    attempts = sorted((folder / "metrics").iterdir())
    assert [attempt.name for attempt in attempts] == ["fit-1", "fit-2"]
    steps = [_steps(attempt / "metrics.csv") for attempt in attempts]
    assert steps == [{0, 1, 2, 3, 4, 5}, {6, 7}]


def _steps(path: Path) -> set[int]:
    """Training steps with a loss."""
    head, *rows = [line.split(",") for line in path.read_text().splitlines()]
    step, loss = head.index("step"), head.index("train/loss")
    return {int(row[step]) for row in rows if row[loss]}
