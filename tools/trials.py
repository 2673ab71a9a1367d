"""The tiny runs of the kill test, and what they leave behind."""

from __future__ import annotations

import filecmp
import json
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
    content = torch.load(run / "checkpoints" / "last.ckpt", map_location="cpu", weights_only=True)
    state: dict[str, torch.Tensor] = content["state_dict"]
    return state


def same_files(one: Path, other: Path) -> bool:
    """Whether two folders hold the same files, byte for byte."""
    names = [sorted(str(path.relative_to(each)) for path in each.rglob("*") if path.is_file()) for each in (one, other)]
    return names[0] == names[1] and all(filecmp.cmp(one / name, other / name, shallow=False) for name in names[0])


def is_lock(path: Path) -> bool:
    """Whether a file is the lock of a run."""
    return path.suffix == ".lock" and path.name != ".lock"  # ablate's own stays, and is free
