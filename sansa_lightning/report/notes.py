"""Notes below a table: how and on what its runs trained, what was adjusted, and the origin of the paper's numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sansa_lightning.files.messages import counted
from sansa_lightning.report.rows import ORDERED, PlannedRow, RowScores

PAPER_FOLDS = 4


def run_notes(rows: Sequence[PlannedRow]) -> list[str]:
    """Lines on the budget of the rows, their folds and seeds, and the settings of single rows or strategies."""
    budgets = dict.fromkeys(_budget(planned.config) for planned in rows)
    places = [place for planned in rows for place in planned.runs]
    folds, seeds = (sorted({str(place[part]) for place in places}) for part in (0, 1))
    return [
        *(f"training: {budget}" for budget in budgets),
        f"folds {', '.join(folds)}; seeds {', '.join(seeds)}; the test episodes are the same for every row and seed",
        *_own("for every", _adjusted(rows)),
        *_own("row", {planned.name: planned.settings for planned in rows}),
    ]


def paper_notes(rows: Sequence[RowScores], base: str | None) -> list[str]:
    """Lines on the paper's numbers: their experiment, or why only their order is used here.

    Args:
        rows: of the table.
        base: of the numbers; None if each row has its own.
    """
    if not any(row.planned.paper.get(score) is not None for row in rows for score in ORDERED):
        return ["the paper's values of these rows are not known to us"]
    if differences := dict.fromkeys(row.difference for row in rows if row.difference):
        return [
            f"paper: order only, since this is not its experiment ({'; '.join(differences)}; "
            f"the paper's is COCO-20i with one reference and {base or 'published bases'})"
        ]
    folds = {fold for row in rows for fold, _ in row.planned.runs}
    fewer = [f"here only folds {', '.join(sorted(map(str, folds)))}"] if len(folds) < PAPER_FOLDS else []
    return ["paper: COCO-20i, one reference, mean of folds 0 to 3", *fewer]


def _budget(config: Mapping[str, Any]) -> str:
    data, trainer, model = config["data"], config["trainer"], config["model"]
    some, epochs, length = trainer["max_steps"], trainer["max_epochs"], data["train_length"]
    clips = "as many clips as training images" if length is None else f"{length} clips"
    steps = counted(some, "step") if some > 0 else counted(epochs, "epoch")
    return (
        f"{model['base']['name']}, {clips} per epoch, {steps}, batch {data['batch_size']} per "
        f"process, {counted(data['test_episodes'], 'test episode')}, {counted(data['shots'], 'reference')}"
        f"{_scored(data)}"
    )


def _scored(data: Mapping[str, Any]) -> str:
    """The size of the scores, unless it is that of the clips."""
    if data.get("score_at", "clip") == "clip":
        return ""
    return ", scored at original size" + (" with corners aligned" if data.get("score_align_corners") else "")


def _adjusted(rows: Sequence[PlannedRow]) -> dict[str, Mapping[str, Any]]:
    """The adjustments of strategies, by their names."""
    found = {str(planned.config["model"]["strategy"]["class_path"]).rpartition(".")[2]: planned for planned in rows}
    return {name: planned.adjusted for name, planned in found.items()}


def _own(kind: str, settings: Mapping[str, Mapping[str, Any]]) -> list[str]:
    return [
        f"{kind} {name}: {', '.join(f'{key} = {value}' for key, value in given.items())}"
        for name, given in settings.items()
        if given
    ]
