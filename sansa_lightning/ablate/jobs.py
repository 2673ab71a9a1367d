"""A run of a table: the places of its files, and whether it is finished."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from sansa_lightning.report.scores import IN_DOMAIN, RunScores, finished_result, in_domain_result, run_scores
from sansa_lightning.runs.folder import CHECKPOINTS, LAST
from sansa_lightning.runs.result import RunResult, result_name

WRITTEN = "row.yaml"
"""File with the run's whole configuration, as checked: later changes of its sources do not matter."""


@dataclass(frozen=True)
class Job:
    """One run.

    Attributes:
        name: row, fold and seed, for people.
        identity: hash of everything that determines the result.
        folder: of the run.
        config: the whole configuration, YAML.
        trains: whether anything trains; if not, the run is a test.
        in_domain: whether the model is also scored on its training classes.
    """

    name: str
    identity: str
    folder: Path
    config: str
    trains: bool
    in_domain: bool

    @property
    def subcommand(self) -> str:
        """The subcommand that executes it."""
        return "fit" if self.trains else "test"

    @property
    def result_file(self) -> Path:
        """The run's result file."""
        return self.folder / result_name(self.subcommand)

    @property
    def in_domain_folder(self) -> Path:
        """The folder of the second score."""
        return self.folder / IN_DOMAIN

    @property
    def last_checkpoint(self) -> Path:
        """The checkpoint from which the run resumes."""
        return self.folder / CHECKPOINTS / LAST

    def result(self) -> RunResult | None:
        """See :func:`~sansa_lightning.report.scores.finished_result`."""
        return finished_result(self.folder, self.subcommand)

    def in_domain_result(self) -> RunResult | None:
        """See :func:`~sansa_lightning.report.scores.in_domain_result`."""
        return in_domain_result(self.folder, self.subcommand)

    def finished(self) -> bool:
        """Whether all results of this job exist."""
        return self.result() is not None and (not self.in_domain or self.in_domain_result() is not None)

    def scores(self, *, in_domain: bool) -> RunScores | None:
        """See :func:`~sansa_lightning.report.scores.run_scores`."""
        return run_scores(self.folder, self.subcommand, in_domain=in_domain)


def folder_name(row: str, fold: int | None, seed: int, key: str) -> str:
    """Name of a run's folder: a part for people, then the identity."""
    words = re.sub(r"[^A-Za-z0-9.]+", "_", row).strip("_") or "row"
    return f"{words}{'' if fold is None else f'_fold{fold}'}_seed{seed}-{key}"


def find_folder(runs: Path, name: str) -> Path:
    """The folder of a run: an existing one with its identity, even if made for another row, or a new one."""
    key = name.rpartition("-")[2]
    there = sorted(runs.glob(f"*-{key}"))
    return there[0] if there else runs / name
