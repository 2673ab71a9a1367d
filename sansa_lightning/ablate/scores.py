"""What the runs of a row scored, and the mean and spread of it over folds and seeds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from statistics import fmean, stdev
from typing import Any

from sansa_lightning.ablate.attempts import earlier_seconds
from sansa_lightning.ablate.expand import Place, Planned
from sansa_lightning.ablate.jobs import Job


@dataclass(frozen=True)
class RunScores:
    """One run. Scores are in [0, 1]; None where there is none.

    Attributes:
        miou: mean IoU on unseen classes.
        fb_iou: foreground-background IoU there.
        in_domain: mean IoU on the classes that were trained on, in other images.
        wrong_miou: mean IoU after a reference of a class that the target does not show.
        margin: ``miou`` less ``wrong_miou``, over the same targets.
        everything_miou: of the mask of all objects.
        choice: share of targets in which the most covered object is of the class.
        choice_chance: the same for a guess.
        probe: what a linear probe of the features that the row ends with names rightly of cells of unseen classes.
        probe_chance: the same for a guess.
        trained_parameters: numbers that train.
        seconds: of the run, training and test, with the attempts that it went on from.
    """

    miou: float | None = None
    fb_iou: float | None = None
    in_domain: float | None = None
    wrong_miou: float | None = None
    margin: float | None = None
    everything_miou: float | None = None
    choice: float | None = None
    choice_chance: float | None = None
    probe: float | None = None
    probe_chance: float | None = None
    trained_parameters: float | None = None
    seconds: float | None = None


NAMES = tuple(each.name for each in fields(RunScores))


def run_scores(job: Job, *, in_domain: bool) -> RunScores | None:
    """What a finished run scored; None if it is not finished."""
    result = job.result()
    if not result:
        return None
    test = result.get("metrics", {}).get("test", {})
    found: dict[str, Any] = {**result, **test, **(test.get("controls") or {})}
    scores = {name: found.get(name) for name in NAMES}
    probe = test.get("probe") or {}
    scores |= {"probe": probe.get("cells"), "probe_chance": probe.get("chance")}
    scores["in_domain"] = _in_domain(job) if in_domain else None
    if scores["seconds"] is not None:
        scores["seconds"] += earlier_seconds(job)
    return RunScores(**scores)


@dataclass(frozen=True)
class RowScores:
    """A row of a table with what came of its runs.

    Attributes:
        planned: the row.
        runs: scores by fold and seed, of the runs that are finished.
    """

    planned: Planned
    runs: Mapping[Place, RunScores]

    def values(self, name: str) -> dict[Place, float]:
        """One score by fold and seed, where there is one."""
        found = {place: getattr(scores, name) for place, scores in self.runs.items()}
        return {place: value for place, value in found.items() if value is not None}

    def mean(self, name: str) -> float | None:
        """Mean over folds of the means over seeds."""
        means = fold_means(self.values(name))
        return fmean(means) if means else None

    def fold_spread(self, name: str) -> float | None:
        """Standard deviation over folds of the means over seeds; None with fewer than two folds."""
        means = fold_means(self.values(name))
        return stdev(means) if len(means) > 1 else None

    def seed_spread(self, name: str) -> float | None:
        """Mean over folds of the standard deviation over seeds; None where no fold has two."""
        spreads = [stdev(values) for values in by_fold(self.values(name)).values() if len(values) > 1]
        return fmean(spreads) if spreads else None


def by_fold(values: Mapping[Place, float]) -> dict[int | None, list[float]]:
    """The values of each fold, one a seed."""
    found: dict[int | None, list[float]] = {}
    for (fold, _), value in values.items():
        found.setdefault(fold, []).append(value)
    return found


def fold_means(values: Mapping[Place, float]) -> list[float]:
    """The mean over seeds of each fold."""
    return [fmean(each) for each in by_fold(values).values()]


def _in_domain(job: Job) -> float | None:
    result = job.in_domain_result()
    return result["metrics"]["test"]["miou"] if result else None
