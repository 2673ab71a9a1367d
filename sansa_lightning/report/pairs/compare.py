"""Two runs scored on the same targets: the difference of each class with an interval, and where they differ most."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sansa_lightning.report.gather.runs import Run
from sansa_lightning.runs.episode_scores import TargetScore, read_scores

RESAMPLES = 2000
LEVEL = 0.95


@dataclass(frozen=True)
class Difference:
    """The score of B less that of A, in [-1, 1], over the same targets.

    Attributes:
        name: of the class; "mIoU" for the mean over classes.
        a: score of A in [0, 1].
        b: of B.
        targets: number of them.
        low: lower end of the interval; None for a class with a single target.
        high: its upper end.
    """

    name: str
    a: float
    b: float
    targets: int
    low: float | None
    high: float | None

    @property
    def difference(self) -> float:
        """B less A."""
        return self.b - self.a

    @property
    def certain(self) -> bool:
        """Whether the interval leaves out zero."""
        return self.low is not None and self.high is not None and (self.low > 0 or self.high < 0)


@dataclass(frozen=True)
class Comparison:
    """Two runs, target by target.

    Attributes:
        a: name of a run.
        b: name of the other.
        mean: of the mIoU, over the classes that were drawn.
        classes: of each class.
        targets: both scores of each target, the largest difference first.
    """

    a: str
    b: str
    mean: Difference
    classes: Sequence[Difference]
    targets: Sequence[tuple[TargetScore, TargetScore]]


def compare(a: Run, b: Run) -> Comparison:
    """Compare two runs.

    The intervals are percentile bootstrap ones of ``LEVEL``. The targets of a class are drawn together for both runs,
    so an interval says how far the difference depends on the episodes that were drawn; that of the mIoU draws within
    each class. Other seeds of training are another matter, of which two runs say nothing.

    Raises:
        FileNotFoundError: a run has no file of single targets.
        ValueError: they were scored on other episodes or at another size.
    """
    found = [_scores(run) for run in (a, b)]
    if a.manifest != b.manifest or [_target(score) for score in found[0]] != [_target(score) for score in found[1]]:
        msg = (
            f"--compare: {a.name} and {b.name} were scored on different lists of test episodes; only runs with the "
            f"same list can be compared"
        )
        raise ValueError(msg)
    if a.result.score_size != b.result.score_size or _size(a) != _size(b):
        msg = f"--compare: {a.name} and {b.name} were scored at different sizes; only runs of one size can be compared"
        raise ValueError(msg)
    classes = dict.fromkeys(score.class_id for score in found[0])
    names = _names(a)
    # One for all classes: from equal ones, classes with equally many targets would draw the same places, and errors
    # that go along with the order would add up in the mean instead of averaging out.
    rng = np.random.default_rng(0)
    differences, drawn = [], []
    for class_id in classes:
        pairs = [pair for pair in zip(*found, strict=True) if pair[0].class_id == class_id]
        difference, samples = _of_class(names.get(class_id, str(class_id)), pairs, rng)
        differences.append(difference)
        drawn.append(samples)
    order = sorted(zip(*found, strict=True), key=lambda pair: -abs(pair[1].iou - pair[0].iou))
    return Comparison(a.name, b.name, _mean(differences, drawn), differences, order)


def _of_class(
    name: str, pairs: Sequence[tuple[TargetScore, TargetScore]], rng: np.random.Generator
) -> tuple[Difference, NDArray[np.float64]]:
    """A class, and the differences of its resamples: of one target always the same."""
    from scipy.stats import bootstrap

    counts = np.array([[one.intersection, one.union, two.intersection, two.union] for one, two in pairs], float).T
    a, b = _iou(*counts[:2]), _iou(*counts[2:])
    if len(pairs) < 2:
        return Difference(name, float(a), float(b), len(pairs), None, None), np.full(RESAMPLES, b - a)
    result = bootstrap(
        tuple(counts), _difference, n_resamples=RESAMPLES, confidence_level=LEVEL, paired=True, method="percentile",
        vectorized=True, rng=rng,
    )  # fmt: skip
    low, high = (float(each) for each in result.confidence_interval)
    return Difference(name, float(a), float(b), len(pairs), low, high), result.bootstrap_distribution


def _iou(intersection: NDArray[np.float64], union: NDArray[np.float64]) -> NDArray[np.float64]:
    """Summed over the last axis."""
    return np.asarray(intersection.sum(-1) / np.maximum(union.sum(-1), 1))


def _difference(
    shared_a: NDArray[np.float64],
    union_a: NDArray[np.float64],
    shared_b: NDArray[np.float64],
    union_b: NDArray[np.float64],
    axis: int = -1,
) -> NDArray[np.float64]:
    return _iou(shared_b, union_b) - _iou(shared_a, union_a)


def _mean(classes: Sequence[Difference], drawn: Sequence[NDArray[np.float64]]) -> Difference:
    tail = 50 * (1 - LEVEL)
    low, high = np.percentile(np.mean(drawn, axis=0), [tail, 100 - tail])
    a, b = (float(np.mean([getattr(each, side) for each in classes])) for side in ("a", "b"))
    return Difference("mIoU", a, b, sum(each.targets for each in classes), float(low), float(high))


def _scores(run: Run) -> list[TargetScore]:
    if not run.episodes.is_file():
        msg = (
            f"--compare: {run.name} has no {run.episodes.name}, which fit and test write since this version; score it "
            f"again: test --config {run.folder / 'config.yaml'} --ckpt_path CHECKPOINT --run_dir {run.folder}"
        )
        raise FileNotFoundError(msg)
    return read_scores(run.episodes)


def _target(score: TargetScore) -> tuple[int, int, str, str]:
    return score[:4]


def _size(run: Run) -> object:
    return ((run.result.config or {}).get("data") or {}).get("size")


def _names(run: Run) -> Mapping[int, str]:
    return {each["class_id"]: each["name"] for each in run.result.scores("test").get("classes") or ()}


def compared_run(folder: Path, runs: Sequence[Run]) -> Run:
    """The run of a folder: its fit, or its test if only that has a file of single targets, or there is no fit.

    Raises:
        ValueError: there is none that is finished.
    """
    found = [run for run in runs if run.folder.resolve() == folder.resolve() and run.result.finished]
    if not found:
        msg = f"--compare: expected the folder of a finished fit or test, but got {folder}"
        raise ValueError(msg)
    return min(found, key=lambda run: (not run.episodes.is_file(), run.subcommand != "fit"))
