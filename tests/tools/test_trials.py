"""The checks of runs that were stopped, which the kill test and the suite share, find what they are for."""

from __future__ import annotations

import json
import shutil
import signal

import pytest
import torch

from trials import LAST, faults_of_end, faults_of_ending, left_over

LINE = "interrupted by SIGTERM: run the same command again\n"


@pytest.mark.parametrize(
    ("status", "said", "faults"),
    [
        (143, f"Seed set to 0\n{LINE}", []),
        (0, LINE, ["exit 0 of SIGTERM"]),
        (143, "", ["expected one line, but got "]),
        (143, LINE + LINE, [f"expected one line, but got {LINE}{LINE}"]),
        (143, LINE.replace("TERM", "INT"), ["expected one line, but got interrupted by SIGINT: "]),
        (1, f"Traceback\n{LINE}", ["exit 1 of SIGTERM", f"Traceback: Traceback\n{LINE}"]),
        (143, f"Detected KeyboardInterrupt\n{LINE}", ["Detected KeyboardInterrupt: "]),
    ],
)
def test_how_it_ended(status, said, faults):
    found = faults_of_ending(signal.SIGTERM, status, said)
    assert len(found) == len(faults)
    assert all(one.startswith(other) for one, other in zip(found, faults, strict=True))


@pytest.fixture
def runs(tmp_path):
    """Two equal runs."""
    whole = tmp_path / "whole"
    (whole / "checkpoints").mkdir(parents=True)
    (whole / "result.json").write_text(json.dumps({"status": "finished", "metrics": {"test": 0.5}}))
    torch.save({"state_dict": {"a": torch.ones(3)}}, whole / LAST)
    shutil.copytree(whole, tmp_path / "run")
    return tmp_path / "run", whole


def test_what_came_of_it(runs):
    assert faults_of_end(*runs) == []
    run, _ = runs
    (run / "result.json").write_text(json.dumps({"status": "running", "metrics": {"test": 0.25}}))
    torch.save({"state_dict": {"a": torch.tensor([1.0, 1.0, 1.0 + 2**-23])}}, run / LAST)
    (run / ".fit.lock").touch()
    assert faults_of_end(*runs) == [
        "its result says running",
        "metrics of result.json: {'test': 0.25} instead of {'test': 0.5}",
        "other weights",
        f"left over: {run / '.fit.lock'}",
    ]


def test_what_is_left_over(tmp_path):
    (tmp_path / "below").mkdir()
    for name in (".lock", ".hidden", "notes.partial", "below/.fit.lock", "below/.last.ckpt.1-0.partial"):
        (tmp_path / name).touch()
    assert left_over(tmp_path) == [
        f"left over: {tmp_path / 'below' / name}" for name in (".last.ckpt.1-0.partial", ".fit.lock")
    ]
