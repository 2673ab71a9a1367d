"""Starting the command line: in this process, or in one of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

from sansa_lightning.cli import main

TESTS = Path(__file__).parent
TIMEOUT = 240
"""Seconds after which a process of its own counts as hanging."""


def tiny(root: Path) -> dict[str, Any]:
    """A run of 2 epochs of 4 steps on a fake COCO, with all options that make it small."""
    return {
        "model": {
            "base": {"name": "nano", "weights": None},
            "strategy": {"class_path": "AdaptFormer", "init_args": {"placement": [1, 2]}},
            "optimizer": {"class_path": "AdamW", "init_args": {"lr": 0.01, "weight_decay": 0.0}},
        },
        "data": {
            "source": {"class_path": "Coco", "init_args": {"root": str(root)}},
            "protocol": {"class_path": "Strict", "init_args": {"fold": 0}},
            "size": 96,
            "train_targets": 2,
            "train_length": 8,
            "val_episodes": 3,
            "test_episodes": 5,
            "batch_size": 2,
            "eval_batch_size": 2,
            "num_workers": 0,
        },
        "trainer": {"accelerator": "cpu", "max_epochs": 2, "log_every_n_steps": 1, "enable_progress_bar": False},
        "checkpoint_every": 3,
    }


def write_yaml(path: Path, content: Mapping[str, Any]) -> Path:
    path.write_text(yaml.safe_dump(dict(content)))
    return path


def call(*args: Any) -> None:
    """The command line in this process."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["sansa_lightning"])  # main would warn of arguments that are pytest's
        main([str(arg) for arg in args])


def refusal(capsys: pytest.CaptureFixture[str], *args: Any) -> str:
    """What the command line says when it refuses: one line, after which it leaves with status 2."""
    capsys.readouterr()
    with pytest.raises(SystemExit, match=r"^2$"):
        call(*args)
    lines = capsys.readouterr().err.splitlines()
    errors = [line for line in lines if line.startswith("error: ")]
    assert len(errors) == 1
    assert lines[-1] == errors[0]
    assert "Traceback" not in "".join(lines)
    return errors[0].removeprefix("error: ")


def start(*args: Any, **environment: str) -> subprocess.Popen[str]:
    """The command line in a process of its own, which finds the callbacks of the tests."""
    path = os.pathsep.join([str(TESTS.parent), str(TESTS), os.environ.get("PYTHONPATH", "")])
    return subprocess.Popen(
        [sys.executable, "-m", "sansa_lightning", *map(str, args)],
        env={**os.environ, "PYTHONPATH": path, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finish(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    """Exit status, stdout and stderr; a process that hangs is killed and fails the test."""
    try:
        out, err = process.communicate(timeout=TIMEOUT)
    except subprocess.TimeoutExpired:
        process.kill()
        out, err = process.communicate()
        pytest.fail(f"still running after {TIMEOUT} s:\n{out}\n{err}")
    return process.returncode, out, err


def wait_for(condition: Callable[[], object]) -> None:
    """Until something is true, but not for ever: a machine that is shared can be slow."""
    for _ in range(4 * TIMEOUT):
        if condition():
            return
        time.sleep(0.25)
    pytest.fail(f"waited {TIMEOUT} s")


def result(folder: Path, stage: str = "") -> dict[str, Any]:
    content: dict[str, Any] = json.loads((folder / f"result{stage and '_' + stage}.json").read_text())
    return content


def checkpoint(folder: Path) -> dict[str, Any]:
    content: dict[str, Any] = torch.load(folder / "checkpoints" / "last.ckpt", weights_only=True)
    return content


def trained(folder: Path) -> dict[str, torch.Tensor]:
    state: dict[str, torch.Tensor] = checkpoint(folder)["state_dict"]
    return state


def assert_equal_weights(folder: Path, other: Path, tolerance: float = 0.0) -> None:
    one, two = trained(folder), trained(other)
    assert one.keys() == two.keys()
    for name, value in one.items():
        torch.testing.assert_close(value, two[name], rtol=0, atol=tolerance, msg=name)
