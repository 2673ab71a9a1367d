"""What a reader of a table must know of its runs: how long they trained, on what, and what was adjusted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sansa_lightning.ablate.expand import Planned


def remarks(rows: Sequence[Planned]) -> list[str]:
    """Lines on the budget of the rows, their folds and seeds, and what rows or strategies were given of their own."""
    budgets = dict.fromkeys(_budget(planned.config) for planned in rows)
    places = [place for planned in rows for place in planned.runs]
    folds, seeds = (sorted({str(place[part]) for place in places}) for part in (0, 1))
    return [
        *(f"training: {budget}" for budget in budgets),
        f"folds {', '.join(folds)}; seeds {', '.join(seeds)}; the test episodes are the same for every row and seed",
        *_own("for every", _adjusted(rows)),
        *_own("row", {planned.row.name: planned.row.settings for planned in rows}),
    ]


def _budget(config: Mapping[str, Any]) -> str:
    data, trainer, model = config["data"], config["trainer"], config["model"]
    steps = f"{trainer['max_steps']} steps" if trainer["max_steps"] > 0 else f"{trainer['max_epochs']} epoch(s)"
    return (
        f"{model['base']['name']}, {data['train_length']} clips an epoch, {steps}, batch {data['batch_size']} a "
        f"process, {data['test_episodes']} test episodes, {data['shots']} reference(s)"
    )


def _adjusted(rows: Sequence[Planned]) -> dict[str, Mapping[str, Any]]:
    """What strategies were given, by their names."""
    found = {str(planned.config["model"]["strategy"]["class_path"]).rpartition(".")[2]: planned for planned in rows}
    return {name: planned.adjusted for name, planned in found.items()}


def _own(kind: str, settings: Mapping[str, Mapping[str, Any]]) -> list[str]:
    return [
        f"{kind} {name}: {', '.join(f'{key} = {value}' for key, value in given.items())}"
        for name, given in settings.items()
        if given
    ]
