"""The scores of a finished run, from its files, with the second score of the same model."""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from sansa_lightning.runs.attempts import earlier_seconds
from sansa_lightning.runs.result import RunResult

IN_DOMAIN = "in_domain"
"""Folder inside that of a run, with its score on the training classes."""


@dataclass(frozen=True)
class RunScores:
    """The scores of one run, in [0, 1]; None for a missing one.

    Attributes:
        miou: mean IoU on unseen classes.
        fb_iou: foreground-background IoU there.
        in_domain: mean IoU on the training classes, in other images.
        wrong_miou: mean IoU after a reference of a class that the target does not show.
        margin: ``miou`` less ``wrong_miou``, over the same targets.
        everything_miou: of the mask of all objects.
        choice: share of targets whose most covered object belongs to the class.
        choice_chance: the same for a guess.
        probe: share of cells of unseen classes that a linear probe of the final features classifies correctly.
        probe_chance: the same for a guess.
        trained_parameters: number of trained values.
        seconds: of the run, training and test, with its earlier attempts.
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


def finished_result(folder: Path, subcommand: str) -> RunResult | None:
    """The result of a run; None unless it is finished, and trained if it was asked to.

    Args:
        folder: of the run.
        subcommand: "fit", or "test" if nothing trains.
    """
    result = RunResult.read(folder, subcommand)
    return result if result is not None and result.finished else None


def in_domain_result(folder: Path, subcommand: str) -> RunResult | None:
    """The result of the second score; None also if it is older than the run, and so belongs to another model."""
    run, result = finished_result(folder, subcommand), finished_result(folder / IN_DOMAIN, "test")
    if run is None or result is None:
        return None
    older = run.time is not None and result.time is not None and result.time < run.time
    return None if older else result


def run_scores(folder: Path, subcommand: str, *, in_domain: bool) -> RunScores | None:
    """The scores of a finished run; None if it is not finished.

    Args:
        folder: of the run.
        subcommand: see :func:`finished_result`.
        in_domain: whether the second score is required too.
    """
    result = finished_result(folder, subcommand)
    if result is None:
        return None
    test = result.scores("test")
    controls, probe = test.get("controls") or {}, test.get("probe") or {}
    scores: dict[str, Any] = {name: {**test, **controls}.get(name) for name in NAMES}
    scores |= {"probe": probe.get("cells"), "probe_chance": probe.get("chance")}
    scores |= {"trained_parameters": result.trained_parameters, "in_domain": None}
    if result.seconds is not None:
        scores["seconds"] = result.seconds + earlier_seconds(folder)
    if in_domain and (second := in_domain_result(folder, subcommand)) is not None:
        scores["in_domain"] = second.scores("test").get("miou")
    return RunScores(**scores)
