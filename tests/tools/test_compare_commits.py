"""The comparison of two commits finds what differs, and nothing else."""

from __future__ import annotations

import importlib.util
import json
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest
import torch

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "tools" / "compare_commits.py"


@pytest.fixture(scope="module")
def tool() -> ModuleType:
    spec = importlib.util.spec_from_file_location("compare_commits", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("one", "two", "difference"),
    [
        ({"a": 1.0, "t": torch.zeros(2)}, {"a": 1.0, "t": torch.zeros(2)}, ""),
        ({"a": float("nan")}, {"a": float("nan")}, ""),
        ({"a": 1.0, "b": 2}, {"a": 1.0 + 2**-52, "b": 3}, "a: 1.0 and 1.0000000000000002"),
        ({"a": 1}, {"a": 1.0}, "a: 1 and 1.0"),
        ({"a": 1}, {"a": 1, "b": 2}, "b is only in the second"),
        ({"a": 1, "b": 2}, {"b": 2}, "a is only in the first"),
        ({"t": torch.tensor([0.0])}, {"t": torch.tensor([-0.0])}, "t: 0 and -0"),
        ({"t": torch.ones(2, 2)}, {"t": torch.tensor([[1, 1], [1, 1.5]])}, "t: 1 of 4 numbers differ, by up to 0.5"),
    ],
)
def test_the_first_difference_is_named(one, two, difference, tool):
    assert tool.first_difference(one, two) == difference


def test_a_run_is_read_and_one_bit_is_seen(tool, fitted, tmp_path):
    values = tool.read_run(fitted)
    assert (
        values["result.metrics.test.miou"]
        == json.loads((fitted / "result.json").read_text())["metrics"]["test"]["miou"]
    )
    assert any(key.endswith(".train/loss") for key in values)
    assert "result.episodes.test" in values
    copy = tmp_path / "copy"
    shutil.copytree(fitted, copy)
    assert tool.first_difference(values, tool.read_run(copy)) == ""
    checkpoint = torch.load(copy / "checkpoints" / "last.ckpt", weights_only=True)
    name, tensor = next(iter(checkpoint["state_dict"].items()))
    tensor.view(torch.uint8).view(-1)[0] ^= 1
    torch.save(checkpoint, copy / "checkpoints" / "last.ckpt")
    assert tool.first_difference(values, tool.read_run(copy)).startswith(f"trained.{name}: ")


@pytest.mark.slow
def test_an_unknown_run_is_one_line():
    run = subprocess.run([sys.executable, SCRIPT, "HEAD", "HEAD", "--runs", "x"], capture_output=True, text=True)
    assert run.returncode == 2
    assert (
        run.stderr.splitlines()[-1]
        == "error: --runs: expected some of adaptformer,lora,finetune,tracker,forward, but got x"
    )


@pytest.mark.slow
def test_a_commit_is_equal_to_itself():
    if subprocess.run(["git", "-C", ROOT, "rev-parse", "HEAD"], capture_output=True).returncode:
        pytest.skip("needs the checkout's git history")
    command = [sys.executable, SCRIPT, "HEAD", "HEAD", "--steps", "2", "--runs", "adaptformer"]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    assert run.stdout.startswith("adaptformer: ")
    assert "values equal" in run.stdout
