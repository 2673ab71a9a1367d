"""Runs that are of no paper's experiment, in tables of what was scored alike, without any number of a paper."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from sansa_lightning.files.messages import brief, counted
from sansa_lightning.report.gather.facts import fact
from sansa_lightning.report.gather.runs import Run
from sansa_lightning.report.gather.sort import latest, of_one_list
from sansa_lightning.report.rows import PlannedRow, RowScores
from sansa_lightning.report.tables.model import SCORE_COLUMNS, SPREAD_NOTE, Column, Table, percent, score_values

SCORED_ALIKE = (
    *("data.source", "data.protocol", "data.shots", "data.size", "score_size", "data.memorise"),
    *("data.resizing", "data.manifest", "data.test_episodes", "trainer.limit_test_batches"),
)
"""Facts that runs of one table share."""

OTHER_FOLDS = "rows with other folds do not compare: folds differ by more than rows do"

OF_MODEL = ("base", "strategy", "method")
INCIDENTAL = (
    *("seed_everything", "run_dir", "ckpt_path", "checkpoint_every", "compare_frozen", "verbose", "weights_only"),
    *("data.seed", "data.num_workers", "data.val_episodes", "data.eval_batch_size", "data.controls"),
    *("data.protocol.fold", "model.base.seed", "model.recompute", "data.test_seed"),
    *("trainer.default_root_dir", "trainer.logger", "trainer.callbacks", "trainer.log_every_n_steps"),
    *("trainer.enable_progress_bar", "trainer.enable_model_summary", "trainer.accelerator", "trainer.devices"),
)
"""Keys that make no other row."""

OF_TRAINING = ("trainer.", "model.losses", "model.optimizer", "model.schedule", "data.train_", "data.batch_size")
"""Beginnings of keys that make no other row where nothing trains."""

COLUMNS = (Column("row", "row", "text"), *SCORE_COLUMNS, Column("in_domain", "in-domain"))


def scored_alike(runs: Sequence[Run]) -> list[list[Run]]:
    """Sets of runs that were scored in the same way."""
    sets: dict[str, list[Run]] = {}
    for run in runs:
        alike = [fact(run.result, key) for key in SCORED_ALIKE]
        sets.setdefault(json.dumps(alike, default=str), []).append(run)
    return list(sets.values())


def group_tables(runs: Sequence[Run], apart: dict[str, str], name: str) -> list[tuple[Table, dict[Run, str]]]:
    """A table for each set of runs that were scored alike, with its runs and the names of their rows.

    Args:
        runs: against which nothing speaks.
        apart: gets those that cannot stand beside the others, with the reason.
        name: beginning of the tables' names.
    """
    found = []
    for number, members in enumerate(scored_alike(runs), 1):
        kept = latest(of_one_list(members, apart), _recipe, apart)
        names = row_names(kept)
        found.append((_table(f"{name}{number}", kept, names), names))
    return found


def _table(name: str, runs: Sequence[Run], names: Mapping[Run, str]) -> Table:
    rows = []
    for row in dict.fromkeys(names.values()):
        scores = {run.place: run.scores for run in runs if names[run] == row}
        scored = RowScores(PlannedRow(name=row, config={}, runs={}), scores)
        rows.append({"row": row, **score_values(scored), "in_domain": percent(scored.mean("in_domain"))})
    first = runs[0].result
    source, protocol, size = (fact(first, f"data.{key}") for key in ("source", "protocol", "size"))
    title = f"{source}, {protocol}, {counted(fact(first, 'data.shots') or 0, 'reference')}, {size} pixels"
    table = Table(name=name, title=title, columns=COLUMNS, rows=rows, notes=[SPREAD_NOTE]).shown()
    return replace(table, notes=[SPREAD_NOTE, OTHER_FOLDS]) if len(table.folds) > 1 else table


def row_names(runs: Sequence[Run]) -> dict[Run, str]:
    """Names of rows: base, strategy and method, with the settings in which rows of equal names differ."""
    first = {run: " ".join(str(fact(run.result, key) or "?") for key in OF_MODEL) for run in runs}
    found = {}
    for run in runs:
        recipes = {_recipe(other): _settings(other) for other in runs if first[other] == first[run]}
        found[run] = first[run]
        if len(recipes) > 1:
            own = _settings(run)
            unlike = [key for key in own if len({brief(each.get(key)) for each in recipes.values()}) > 1]
            said = ", ".join(f"{key.rpartition('.')[2]} {brief(own[key], 40)}" for key in unlike[:4])
            found[run] += f" ({said}{', ...' if len(unlike) > 4 else ''})" if said else ""
    return _told_apart(found)


def _told_apart(names: dict[Run, str]) -> dict[Run, str]:
    """Names with a number where two recipes still have the same."""
    numbers: dict[str, list[str]] = {}
    found = {}
    for run, name in names.items():
        known = numbers.setdefault(name, [])
        recipe = _recipe(run)
        known += [] if recipe in known else [recipe]
        place = known.index(recipe)
        found[run] = name if place == 0 else f"{name} #{place + 1}"
    return found


def _recipe(run: Run) -> str:
    """What makes a row: everything but fold, seed and how the run was executed."""
    asked = [fact(run.result, key) for key in ("data.prompt", "data.negatives")]
    model = [run.result.strategy, run.result.more.get("method"), run.result.base, *asked]
    return json.dumps([model, _settings(run)], sort_keys=True, default=str)


def _settings(run: Run) -> dict[str, Any]:
    """Settings by dotted keys; of training only if something trained."""
    trained = run.trained_by or run.result
    config = trained.config if run.trains else run.result.config
    flat = {key: value for key, value in _flat(config or {}).items() if key not in INCIDENTAL}
    return flat if run.trains else {key: value for key, value in flat.items() if not key.startswith(OF_TRAINING)}


def _flat(values: Any, key: str = "") -> dict[str, Any]:
    """Nested values by dotted keys, without ``init_args``."""
    if not isinstance(values, dict) or not values:
        return {key: values}
    found: dict[str, Any] = {}
    for name, each in values.items():
        found |= _flat(each, key if name == "init_args" else f"{key}.{name}" if key else str(name))
    return found
