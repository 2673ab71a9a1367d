"""The tiny runs of the kill test, and what is wrong with what they leave behind; the suite has the same checks."""

from __future__ import annotations

import filecmp
import json
import signal
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from processes import Process

RUN: dict[str, Any] = {
    "model": {
        "base": {"name": "nano", "weights": None},
        "strategy": {"class_path": "AdaptFormer", "init_args": {"placement": [1, 2]}},
        "optimizer": {"class_path": "AdamW", "init_args": {"lr": 0.01}},
    },
    "data": {
        "size": 96,
        "train_targets": 1,
        "train_length": 3,
        "val_episodes": 1,
        "test_episodes": 3,
        "batch_size": 1,
        "eval_batch_size": 1,
        "num_workers": 1,
        "controls": False,
    },
    "trainer": {"accelerator": "cpu", "max_epochs": 2, "log_every_n_steps": 1, "enable_progress_bar": False},
    "checkpoint_every": 1,
}
"""2 epochs of 3 steps."""

LAST = Path("checkpoints", "last.ckpt")


@dataclass
class Trial:
    """One command in a folder of its own.

    Attributes:
        command: fit, test, predict or ablate.
        folder: of this trial.
        config: file of the run; the table for ablate.
        checkpoint: that is tested or predicted with.
        starts: how often it was started.
    """

    command: str
    folder: Path
    config: Path
    checkpoint: Path
    starts: int = field(default=0, repr=False)

    @property
    def run(self) -> Path:
        """The run folder; of an ablation, that of its only row."""
        if self.command != "ablate":
            return self.folder / "run"
        return next(iter((self.folder / "runs").glob("Row_*")), self.folder / "not there yet")

    @property
    def result(self) -> Path:
        """What the run says of itself."""
        suffix = f"_{self.command}" if self.command in ("test", "predict") else ""
        return self.run / f"result{suffix}.json"

    def arguments(self, *, resume: bool) -> list[str]:
        """After ``python -m sansa_lightning``."""
        if self.command == "ablate":
            return ["ablate", str(self.config), "--runs", str(self.folder / "runs")]
        given = [self.command, "--config", str(self.config), "--run_dir", str(self.run)]
        if self.command == "fit":
            return [*given, "--ckpt_path", "last"] if resume else given
        return [*given, "--ckpt_path", str(self.checkpoint)]

    def start(self, *, resume: bool = False, warm: bool) -> Process:
        """Start the command, or go on with it."""
        self.starts += 1
        return Process(self.arguments(resume=resume), self.folder / f"said-{self.starts}.txt", warm=warm)

    def status(self) -> str:
        """What the result says."""
        return str(read(self.result).get("status", "nothing"))


def read(path: Path) -> dict[str, Any]:
    """A JSON file; empty if it is not there."""
    content: dict[str, Any] = json.loads(path.read_text()) if path.is_file() else {}
    return content


def runs_of(table: Path) -> list[dict[str, Any]]:
    """The runs that a table which ``ablate`` wrote has scores of."""
    return [run for row in read(table).get("rows", []) for run in row["runs"]]


def trained(run: Path) -> dict[str, torch.Tensor]:
    """The trained tensors of a run."""
    content = torch.load(run / LAST, map_location="cpu", weights_only=True)
    state: dict[str, torch.Tensor] = content["state_dict"]
    return state


def same_files(one: Path, other: Path) -> bool:
    """Whether two folders hold the same files, byte for byte."""
    names = [sorted(str(path.relative_to(each)) for path in each.rglob("*") if path.is_file()) for each in (one, other)]
    return names[0] == names[1] and all(filecmp.cmp(one / name, other / name, shallow=False) for name in names[0])


def faults_of_ending(number: signal.Signals, status: object, said: str) -> list[str]:
    """What is wrong with how a run ended that was asked to: expected are the status of the signal, and one line.

    Args:
        number: the signal.
        status: with which the process left.
        said: on stderr.
    """
    lines = [line for line in said.splitlines() if line.startswith("interrupted by ")]
    faults = [f"exit {status} of {number.name}"] if status != 128 + number else []
    if len(lines) != 1 or not lines[0].startswith(f"interrupted by {number.name}: "):
        faults.append(f"expected one line, but got {said[-2000:]}")
    noise = [words for words in ("Traceback", "Detected KeyboardInterrupt") if words in said]
    return faults + [f"{words}: {said[-3000:]}" for words in noise]


def faults_of_end(run: Path, whole: Path, results: Sequence[str] = ("result.json",)) -> list[str]:
    """What is wrong with a run that was stopped and gone on with, beside one that nobody disturbed.

    Args:
        run: its folder.
        whole: folder of the other.
        results: names of the files with their metrics, which are compared; the first has to say "finished".
    """
    status = read(run / results[0]).get("status")
    faults = [f"its result says {status}"] if status != "finished" else []
    for name in results:
        one, other = (read(each / name).get("metrics") for each in (run, whole))
        faults += [f"metrics of {name}: {one} instead of {other}"] if one != other else []
    if (whole / LAST).is_file():
        weights, others = trained(run), trained(whole)
        equal = weights.keys() == others.keys() and all(torch.equal(weights[name], others[name]) for name in weights)
        faults += [] if equal else ["other weights"]
    return faults + left_over(run)


def left_over(folder: Path) -> list[str]:
    """What is wrong with a folder of runs that have ended: files that should have gone with them."""
    partial = [path for path in folder.rglob(".*") if path.suffix == ".partial"]
    locks = [path for path in folder.rglob(".*.lock") if path.name != ".lock"]  # ablate's own stays, and is free
    return [f"left over: {path}" for path in partial + locks]
