"""Which runs may stand in tables, and which are listed apart and why."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from sansa_lightning.files.messages import plain
from sansa_lightning.report.gather.runs import DIRTY, Run


def unfit(run: Run) -> str:
    """Why a run can be in no table; empty if nothing speaks against it."""
    result, trained = run.result, run.trained_by
    if result.status != "finished":
        why = f": {plain(result.error)}" if result.error else ""
        return f"it is not finished, but {result.status or 'of unknown status'}{why}"
    if not result.finished:
        return "nothing was trained, although it was asked to"
    if (result.commit or "").endswith(DIRTY):
        return f"its code had changes that are in no commit ({result.commit})"
    if run.scores.miou is None:
        return "it has no score of a test"
    if trained is not None and trained is not result:
        if not trained.finished:
            return f"it tests a checkpoint of a run that is not finished, but {trained.status or 'of unknown status'}"
        if (trained.commit or "").endswith(DIRTY):
            return (
                f"it tests a checkpoint whose training had code with changes that are in no commit ({trained.commit})"
            )
    return ""


def of_one_list(runs: Iterable[Run], apart: dict[str, str]) -> list[Run]:
    """The runs of one experiment that were scored on the same list of episodes, fold by fold, the earliest first.

    The list that most runs were scored on counts; of equally many the first run's.

    Args:
        runs: that would stand beside each other.
        apart: gets the others, with the reason.
    """
    ordered = sorted(runs, key=lambda run: (run.result.time or "", run.name))
    lists: dict[int | None, Counter[str]] = {}
    for run in ordered:
        lists.setdefault(run.place[0], Counter())[run.manifest] += 1
    usual = {fold: counts.most_common(1)[0][0] for fold, counts in lists.items()}
    for run in ordered:
        if run.manifest != (theirs := usual[run.place[0]]):
            apart[run.name] = (
                f"it was scored on another list of test episodes ({run.manifest[:12] or 'unknown'}) than the runs that "
                f"it would stand beside ({theirs[:12] or 'unknown'})"
            )
    return [run for run in ordered if run.manifest == usual[run.place[0]]]


def latest(runs: Sequence[Run], group: Callable[[Run], Any], apart: dict[str, str]) -> list[Run]:
    """One run for each row, fold and seed: of several the last one, of those of one time the first by name.

    Args:
        runs: the earliest first, those of one time by name.
        group: of a run: its row.
        apart: gets the others, with the reason.
    """
    kept: dict[Any, Run] = {}
    for run in runs:
        key = (group(run), run.place)
        if (other := kept.get(key)) is None:
            kept[key] = run
        elif (other.result.time or "") == (run.result.time or ""):
            when = f"the same time, {run.result.time}, as a copy has" if run.result.time else "no time either"
            apart[run.name] = f"{other.name}, of the same row, fold and seed, has {when}; the first by name counts"
        else:
            apart[other.name] = f"{run.name} is a later run of the same row, fold and seed"
            kept[key] = run
    return list(kept.values())
