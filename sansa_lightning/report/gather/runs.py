"""A run as a report needs it: its result, its scores, its place among folds and seeds, and its provenance."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from sansa_lightning.report.gather.facts import fact
from sansa_lightning.report.gather.odd import odd_values
from sansa_lightning.report.rows import Place
from sansa_lightning.report.scores import IN_DOMAIN, RunScores, run_scores
from sansa_lightning.runs.episode_scores import FILES
from sansa_lightning.runs.folder import CHECKPOINTS, EPISODES, PREDICTIONS
from sansa_lightning.runs.result import RunResult, result_name

DIRTY = "+changes"
"""End of the commit of a run whose code had changes that are in no commit."""


@dataclass(frozen=True, eq=False)
class Run:
    """A ``fit`` or a ``test`` that left a result; equal to itself alone.

    Attributes:
        folder: of the run.
        subcommand: "fit" or "test".
        result: what it says.
    """

    folder: Path
    subcommand: str
    result: RunResult

    @property
    def name(self) -> str:
        """For people: its folder, and its subcommand unless it is a fit."""
        return str(self.folder) if self.subcommand == "fit" else f"{self.folder} ({self.subcommand})"

    @cached_property
    def scores(self) -> RunScores:
        """Its scores; all None if it is not finished."""
        return run_scores(self.folder, self.subcommand, in_domain=True) or RunScores()

    @property
    def place(self) -> Place:
        """Its fold (None if the protocol has none), and its seed."""
        fold, seed = fact(self.result, "data.protocol.fold"), fact(self.result, "seed_everything")
        whole = isinstance(seed, int) and not isinstance(seed, bool)
        return fold, seed if whole else (self.result.seed or 0)

    @property
    def miniature(self) -> bool:
        """Whether it is of the miniature: nano or the drawn patterns, which say nothing about SAM 2."""
        return fact(self.result, "base") == "nano" or fact(self.result, "data.source") == "Patterns"

    @property
    def manifest(self) -> str:
        """SHA-256 of its list of test episodes; empty if it is not said."""
        return str((self.result.episodes or {}).get("test") or "")

    @cached_property
    def trained_by(self) -> RunResult | None:
        """The result of the fit that gave the model: its own, or of a test that of its checkpoint's folder."""
        if self.subcommand == "fit":
            return self.result
        checkpoint = fact(self.result, "ckpt_path")
        file = Path(str(checkpoint))
        return RunResult.read(file.parent.parent) if checkpoint and file.parent.name == CHECKPOINTS else None

    @property
    def trains(self) -> bool:
        """Whether anything of its model was trained."""
        return fact(self.result, "strategy") != "Frozen" or bool(self.result.trained_parameters)

    @property
    def provenance(self) -> dict[str, str]:
        """Run, configuration, base, list of episodes, code, machine: where its numbers are from."""
        result, text = self.result, json.dumps(self.result.config or {}, sort_keys=True, default=str)
        checkpoint = fact(result, "ckpt_path") if self.subcommand == "test" else None
        return {
            "run": self.name,
            "time": result.time or "",
            "configuration": hashlib.sha256(text.encode()).hexdigest()[:12],
            "base": str(fact(result, "base") or ""),
            "fingerprint": str((result.base or {}).get("fingerprint") or "")[:12],
            "episodes": self.manifest[:12],
            "commit": (result.commit or "")[:12],
            "checkpoint": str(checkpoint or ""),
            "device": str((result.machine or {}).get("device", "")),
            "torch": str((result.versions or {}).get("torch", "")),
        }

    @property
    def episodes(self) -> Path:
        """The file with the scores of single targets; runs of earlier versions have none."""
        return self.folder / FILES[self.subcommand]

    @property
    def pictures(self) -> list[Path]:
        """Pictures of its test episodes, as far as there are some."""
        drawn = sorted((self.folder / PREDICTIONS / "overlays").glob("*.png"))[:4]
        return [path for path in (self.folder / EPISODES[self.subcommand], *drawn) if path.is_file()]


def read_run(folder: Path, subcommand: str) -> Run | str:
    """A run of a folder, or why it cannot be read or believed, in words."""
    result = RunResult.read(folder, subcommand)
    if result is None:
        return _unread(folder, result_name(subcommand))
    run = Run(folder, subcommand, result)
    parts = {result_name(subcommand): result, SECOND: RunResult.read(folder / IN_DOMAIN, "test")}
    for file, part in parts.items():
        if part is not None and (odd := odd_values(part)):
            return f"{file} is not as this project writes it: {'; '.join(odd[:MOST_ODD])}"
    try:
        if run.trained_by is not None and (odd := odd_values(run.trained_by)):
            return f"it tests a checkpoint of a run whose result is not as this project writes it: {odd[0]}"
        touched: list[Any] = [run.scores, hash(run.place), run.manifest, run.provenance, run.trains, classes_of(run)]
        touched += [fact(result, key) for key in ("batch", "losses", "sources")]
        del touched
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        return f"{result_name(subcommand)} is not as this project writes it ({type(error).__name__}: {error})"
    return run


SECOND = f"{IN_DOMAIN}/{result_name('test')}"
"""The file of the score on the training classes."""

MOST_ODD = 3
"""Odd values that a reason names."""


def _unread(folder: Path, name: str) -> str:
    if not folder.is_dir():
        return "it is no folder" if folder.exists() else "it is not there"
    return f"{name} is not a complete JSON object" if (folder / name).exists() else f"it has no {name}"


def classes_of(run: Run) -> dict[str, tuple[float, int]]:
    """IoU in [0, 1] and number of targets of each test class that was drawn, by name."""
    found = run.result.scores("test").get("classes") or ()
    return {str(each["name"]): (float(each["iou"]), int(each["targets"])) for each in found if each["targets"]}
