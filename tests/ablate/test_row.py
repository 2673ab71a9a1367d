from __future__ import annotations

import fcntl
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from launches import TESTS, TIMEOUT, result
from sansa_lightning.ablate import row
from sansa_lightning.ablate.options import ablate
from sansa_lightning.runs.failures import one_line_errors

FROZEN = {"name": "Frozen", "config": "frozen.yaml"}
ADAPTER = {"name": "Adapter", "config": "adapter.yaml"}


@pytest.fixture
def became(monkeypatch) -> list[list[str]]:
    """What processes became, after ``python -m sansa_lightning``."""
    commands = []
    monkeypatch.setattr(os, "execv", lambda _, command: commands.append(command[3:]))
    return commands


def called(path, *args: object) -> None:
    with one_line_errors():
        row.main([str(path), "--row=Adapter", "--fold=2", "--seed=5", *map(str, args)])


def said(capsys, path, *args: object) -> str:
    with pytest.raises(SystemExit, match="2"):
        called(path, *args)
    (line,) = capsys.readouterr().err.splitlines()
    return line


def test_further_options_make_another_run_unless_they_only_watch_it(write_table, became, tmp_path):
    path = write_table([ADAPTER | {"set": {"data.shots": 1}}, FROZEN])
    called(path, f"--runs={tmp_path}", "--trainer.logger=CSVLogger", "--trainer.logger.save_dir=x")
    called(path, f"--runs={tmp_path}", "--model.optimizer.init_args.lr=0.5", "--compare_frozen=true")
    folders = [command[4] for command in became]
    assert [command[0] for command in became] == ["fit", "fit"]
    assert [command[5:] for command in became] == [
        ["--trainer.logger=CSVLogger", "--trainer.logger.save_dir=x"],
        ["--compare_frozen=true"],
    ]
    assert folders[0] != folders[1]
    configs = [yaml.safe_load(Path(command[2]).read_text()) for command in became]
    assert [config["model"]["optimizer"]["init_args"]["lr"] for config in configs] == [0.01, 0.5]
    assert configs[0]["data"]["protocol"]["init_args"]["fold"] == 2
    assert configs[0]["seed_everything"] == configs[0]["data"]["seed"] == 5


def test_what_does_not_train_is_tested(write_table, became, tmp_path):
    called(write_table([FROZEN]), "--row=Frozen", f"--run_dir={tmp_path / 'mine'}")
    assert became == [["test", "--config", str(tmp_path / "mine/row.yaml"), "--run_dir", str(tmp_path / "mine")]]


@pytest.mark.parametrize(("status", "goes_on"), [("interrupted", True), ("running", True), ("finished", False)])
def test_a_run_that_was_interrupted_goes_on(status, goes_on, write_table, became, tmp_path):
    checkpoint = tmp_path / "mine" / "checkpoints" / "last.ckpt"
    checkpoint.parent.mkdir(parents=True)
    checkpoint.touch()
    (tmp_path / "mine" / "result.json").write_text(json.dumps({"status": status, "trained": True}))
    called(write_table([ADAPTER]), f"--run_dir={tmp_path / 'mine'}")
    assert became[0][5:] == (["--ckpt_path", "last"] if goes_on else [])


def test_home_is_expanded(write_table, became, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    called(write_table([FROZEN]), "--row=Frozen", "--run_dir=~/mine")
    assert became[0][-1] == str(tmp_path / "mine")


def test_the_folder_is_locked_when_the_process_becomes_the_run(write_table, monkeypatch, tmp_path):
    taken = []

    def execv(_, command):
        with (tmp_path / "mine" / ".lock").open("a") as file, pytest.raises(BlockingIOError):
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        taken.append(command)

    monkeypatch.setattr(os, "execv", execv)
    called(write_table([ADAPTER]), f"--run_dir={tmp_path / 'mine'}")
    assert len(taken) == 1


def test_what_is_wrong_is_one_line(write_table, became, tmp_path, capsys):
    path, runs = write_table([ADAPTER, FROZEN]), f"--runs={tmp_path / 'runs'}"
    assert (
        said(capsys, path, runs, "--row=adapter") == "error: --row: expected one of Adapter, Frozen, but got 'adapter'"
    )
    assert said(capsys, path, runs, "--data.shots", 3) == "error: options: expected --key=value, but got '--data.shots'"
    assert "did you mean data.shots?" in said(capsys, path, runs, "--data.shot=3")
    assert said(capsys, "nowhere.yaml", runs) == "error: table nowhere.yaml is not there"
    assert "expected 0 to 3, since folds is 4, but got 9" in said(capsys, path, runs, "--fold=9")
    odd = write_table([ADAPTER, ADAPTER], "odd.yaml")
    assert said(capsys, odd, runs) == f"error: {odd}: 2 rows are named 'Adapter'"
    assert became == []
    assert not (tmp_path / "runs").exists()


@pytest.mark.slow
def test_what_a_sweep_ran_ablate_does_not_run_again(write_table, commands, tmp_path, capsys):
    path, runs = write_table([ADAPTER], folds=[2], seeds=[5]), tmp_path / "runs"
    command = [sys.executable, "-m", row.__name__, path, "--row=Adapter", "--fold=2", "--seed=5", f"--runs={runs}"]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(TESTS.parent), str(TESTS)])}
    command += ["--compare_frozen=true"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=TIMEOUT)
    assert done.returncode == 0, done.stderr
    (folder,) = runs.glob("Adapter_fold2_seed5-*")
    assert "frozen" in result(folder)["metrics"]
    assert ablate([str(path), "--runs", str(runs)]) == 0
    assert commands == []
    out = capsys.readouterr().out
    assert out.startswith("1 run, 1 of them finished already\n")
    assert f"| Adapter | 1/1 | {100 * result(folder)['metrics']['test']['miou']:.1f} |" in out
