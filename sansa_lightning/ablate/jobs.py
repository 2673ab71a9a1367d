"""A run of a table: what it is, apart from every other, and where its files are."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from sansa_lightning.run_folder import read_result

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

    def result(self) -> dict[str, Any]:
        """What came of the run; empty unless it came to its end, and trained if that was asked of it."""
        found = read_result(self.result_file)
        finished = found.get("status") == "finished"
        untrained = self.trains and found.get("trained") is False and not _asks_for_no_step(self.config)
        return found if finished and not untrained else {}

    def in_domain_result(self) -> dict[str, Any]:
        """The same of the second score; empty also if it is older than the run, and so of another model."""
        run, found = self.result(), read_result(self.in_domain_file)
        whole = bool(run) and found.get("status") == "finished"
        older = {"time"} <= run.keys() & found.keys() and str(found["time"]) < str(run["time"])
        return found if whole and not older else {}

    def finished(self) -> bool:
        """Whether everything that this job is to give is there."""
        return bool(self.result()) and (not self.in_domain or bool(self.in_domain_result()))


def _asks_for_no_step(config: str) -> bool:
    trainer = (yaml.safe_load(config) or {}).get("trainer") or {}
    return any(trainer.get(key) == 0 for key in ("max_epochs", "max_steps", "limit_train_batches"))


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
