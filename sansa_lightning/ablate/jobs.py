"""A run of a table: what it is, apart from every other, and where its files are."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

IN_DOMAIN = "in_domain"
"""Folder, within that of a run, of its score on the classes that were trained on."""

WRITTEN = "row.yaml"
"""The run's whole configuration, as it was checked: what a file says when the run starts does not matter."""

INCIDENTAL = (
    "run_dir",
    "ckpt_path",
    "weights_only",
    "verbose",
    "checkpoint_every",
    "compare_frozen",
    "trainer.default_root_dir",
    "trainer.logger",
    "trainer.enable_progress_bar",
    "trainer.enable_model_summary",
    "trainer.log_every_n_steps",
    "data.num_workers",
)
"""Keys that say how a run is carried out and watched, not what comes of it."""

OF_TRAINING = (
    "seed_everything",
    *(f"trainer.{key}" for key in ("max_epochs", "max_steps", "gradient_clip_val", "accumulate_grad_batches")),
    *(f"model.{key}" for key in ("losses", "optimizer", "schedule", "memory_dropout", "recompute")),
    *(f"data.{key}" for key in ("seed", "train_shots", "train_targets", "train_length", "train_prompt")),
    *(f"data.{key}" for key in ("batch_size", "val_episodes")),
)
"""Keys that decide nothing where nothing trains."""


@dataclass(frozen=True)
class Job:
    """One run.

    Attributes:
        name: row, fold and seed, for people.
        identity: hash of what decides about the result.
        folder: of the run.
        config: the whole configuration, YAML.
        trains: whether anything trains; if not, the run is a test.
        in_domain: whether the model is scored on its training classes as well.
    """

    name: str
    identity: str
    folder: Path
    config: str
    trains: bool
    in_domain: bool

    @property
    def result_file(self) -> Path:
        """Where the run says what came of it."""
        return self.folder / ("result.json" if self.trains else "result_test.json")

    @property
    def in_domain_file(self) -> Path:
        """The same of the second score."""
        return self.folder / IN_DOMAIN / "result_test.json"

    def finished(self) -> bool:
        """Whether everything that this job is to give is there."""
        wanted = [self.result_file, *([self.in_domain_file] if self.in_domain else [])]
        return all(is_finished(file) for file in wanted)


def is_finished(file: Path) -> bool:
    """Whether a result file is there and speaks of a run that came to its end."""
    return read_result(file).get("status") == "finished"


def read_result(file: Path) -> dict[str, Any]:
    """A result file; empty if it is not there or not whole."""
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def identity(config: Mapping[str, Any], strategy: Mapping[str, Any], *, trains: bool) -> str:
    """Hash of a resolved configuration: equal for two that give the same result.

    Args:
        config: nested, as in its file; ``INCIDENTAL`` keys don't count, nor a trainer's usual devices and callbacks.
        strategy: class and settings, in whose place spellings of the same ("late" or [2, 3]) don't count.
        trains: if nothing trains, what decides about training doesn't count either.
    """
    kept = json.loads(json.dumps(config))
    for key in (*INCIDENTAL, *_usual(kept["trainer"])):
        _drop(kept, key)
    if not trains:
        for key in OF_TRAINING:
            _drop(kept, key)
        if kept["model"]["base"]["weights"] is not None:
            _drop(kept, "model.base.seed")
    if str((kept["data"]["prompt"] or {}).get("class_path")).endswith(".MaskPrompt"):
        kept["data"]["prompt"] = None  # the same, spelt out
    kept["model"]["strategy"] = dict(strategy)
    return hashlib.sha256(json.dumps(kept, sort_keys=True, default=str).encode()).hexdigest()[:12]


def _usual(trainer: Mapping[str, Any]) -> list[str]:
    """Keys that only count where something is said: a batch is as large as its devices, and callbacks may end a run.

    What "auto" comes to is the machine's affair, except on processors, where it is one.
    """
    devices, one = trainer.get("devices"), trainer.get("accelerator") == "cpu"
    usual = {"trainer.devices": devices in (None, "auto") or (one and str(devices) == "1")}
    usual["trainer.callbacks"] = not trainer.get("callbacks")
    return [key for key, holds in usual.items() if holds]


def folder_name(row: str, fold: int | None, seed: int, key: str) -> str:
    """Name of a run's folder: for people, and then the identity."""
    words = re.sub(r"[^A-Za-z0-9.]+", "_", row).strip("_") or "row"
    return f"{words}{'' if fold is None else f'_fold{fold}'}_seed{seed}-{key}"


def find_folder(runs: Path, name: str) -> Path:
    """The folder of a run: one that has its identity, whatever row it was made for, or a new one."""
    key = name.rpartition("-")[2]
    there = sorted(runs.glob(f"*-{key}"))
    return there[0] if there else runs / name


def _drop(config: dict[str, Any], key: str) -> None:
    *path, last = key.split(".")
    for part in path:
        config = config.get(part) or {}
    config.pop(last, None)
