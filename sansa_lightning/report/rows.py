"""A row of a table: its plan, and the mean and spread of its runs over folds and seeds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

from sansa_lightning.report.scores import RunScores

Place = tuple[int | None, int]
"""Fold (None if the protocol has none) and seed."""

ORDERED = ("miou", "in_domain")
"""Scores by which the paper compares rows."""


@dataclass(frozen=True, kw_only=True)
class PlannedRow:
    """A row with its planned runs.

    Attributes:
        name: unique in its table.
        config: resolved, nested; without a particular fold and seed.
        runs: identity of the run on each fold and seed; identical rows share theirs.
        files: its own configuration files.
        settings: its own dotted keys and values, on top of the files.
        adjusted: its strategy's adjustments beyond both.
        paper: the paper's values: scores in percent, and millions of parameters; None if it prints nothing.
    """

    name: str
    config: Mapping[str, Any]
    runs: Mapping[Place, str]
    files: tuple[Path, ...] = ()
    settings: Mapping[str, Any] = field(default_factory=dict)
    adjusted: Mapping[str, Any] = field(default_factory=dict)
    paper: Mapping[str, float | None] = field(default_factory=dict)


@dataclass(frozen=True)
class RowScores:
    """A row with the results of its runs.

    Attributes:
        planned: the row.
        runs: scores of the finished runs, by fold and seed.
        difference: between the row and the paper's experiment, as a phrase; empty if there is none.
    """

    planned: PlannedRow
    runs: Mapping[Place, RunScores]
    difference: str = ""

    def values(self, name: str) -> dict[Place, float]:
        """The values of one score by fold and seed, as far as they exist."""
        found = {place: getattr(scores, name) for place, scores in self.runs.items()}
        return {place: value for place, value in found.items() if value is not None}

    def mean(self, name: str) -> float | None:
        """Mean over folds of the means over seeds."""
        means = self._fold_means(name)
        return fmean(means) if means else None

    def fold_spread(self, name: str) -> float | None:
        """Standard deviation over folds of the means over seeds; None with fewer than two folds."""
        means = self._fold_means(name)
        return stdev(means) if len(means) > 1 else None

    def seed_spread(self, name: str) -> float | None:
        """Mean over folds of the standard deviation over seeds; None if no fold has two."""
        spreads = [stdev(values) for values in self._by_fold(name).values() if len(values) > 1]
        return fmean(spreads) if spreads else None

    def _by_fold(self, name: str) -> dict[int | None, list[float]]:
        """The values of each fold, one for each seed."""
        found: dict[int | None, list[float]] = {}
        for (fold, _), value in self.values(name).items():
            found.setdefault(fold, []).append(value)
        return found

    def _fold_means(self, name: str) -> list[float]:
        return [fmean(each) for each in self._by_fold(name).values()]
