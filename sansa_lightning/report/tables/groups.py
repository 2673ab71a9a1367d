"""Runs that are of no paper's experiment, in tables of what was scored alike, without any number of a paper."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from sansa_lightning.files.messages import brief, counted
from sansa_lightning.report.gather.facts import INCIDENTAL, below, fact
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
SAME_ROW = (
    *INCIDENTAL,
    *("seed_everything", "data.seed", "data.val_episodes", "data.eval_batch_size", "data.controls"),
    *("data.protocol.fold", "model.base.seed", "model.recompute", "data.test_seed"),
    *("trainer.callbacks", "trainer.accelerator", "trainer.devices"),
)
"""Keys that make no other row, nor do keys below them."""

OF_TRAINING = ("trainer.", "model.losses", "model.optimizer", "model.schedule", "data.train_", "data.batch_size")
"""Beginnings of keys that make no other row where nothing trains."""

AS_TESTED = ("base", "data.prompt", "data.negatives")
CANONICAL = ("model.strategy", "model.method", "data.prompt", "data.negatives")
"""Keys whose values the result says better: in one spelling, and as they were in the test."""

MOST_SETTINGS = 4
"""Of a row's name."""

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
    members: dict[str, list[Run]] = {}
    for run in runs:
        members.setdefault(" ".join(str(fact(run.result, key) or "?") for key in OF_MODEL), []).append(run)
    found: dict[Run, str] = {}
    for name, those in members.items():
        settings = {run: _settings(run) for run in those}
        texts = {run: _text(each) for run, each in settings.items()}
        rows = {texts[run]: settings[run] for run in those}
        keys = dict.fromkeys(key for row in rows.values() for key in row)
        unlike = [key for key in keys if len({_text(row.get(key)) for row in rows.values()}) > 1]
        titles = _titles(name, rows, unlike)
        found |= {run: titles[texts[run]] for run in those}
    return {run: found[run] for run in runs}


def _titles(name: str, rows: Mapping[str, Mapping[str, Any]], unlike: Sequence[str]) -> dict[str, str]:
    """A name for each row: its first settings that are not those of all others, and a number if that is not enough."""
    found: dict[str, str] = {}
    for text, row in rows.items():
        said = ", ".join(f"{key.rpartition('.')[2]} {brief(row.get(key), 40)}" for key in unlike[:MOST_SETTINGS])
        title = f"{name} ({said}{', ...' if len(unlike) > MOST_SETTINGS else ''})" if said else name
        same = sum(other.partition(" #")[0] == title for other in found.values())
        found[text] = f"{title} #{same + 1}" if same else title
    return found


def _recipe(run: Run) -> str:
    """What makes a row: everything but fold, seed and how the run was executed."""
    return _text([[fact(run.result, key) for key in OF_MODEL], _settings(run)])


def _settings(run: Run) -> dict[str, Any]:
    """Settings by dotted keys: of strategy, method and references as tested, and of the fit if there is one."""
    result, trained = run.result, run.trained_by or run.result
    parts = {"strategy": result.strategy or {}, "method": result.more.get("method") or {}}
    found = {
        f"{part}.{key}": value for part, said in parts.items() for key, value in (said.get("settings") or {}).items()
    }
    found |= {key: fact(result, key) for key in AS_TESTED}
    config = _flat((trained.config if run.trains else result.config) or {})
    left = (*SAME_ROW, *found)
    for key, value in config.items():
        counts = not below(key, left) and not key.startswith(CANONICAL)
        if counts and (run.trains or not key.startswith(OF_TRAINING)):
            found[key] = value
    return found


def _text(value: Any) -> str:
    return json.dumps(value, sort_keys=True, default=str)


def _flat(values: Any, key: str = "") -> dict[str, Any]:
    """Nested values by dotted keys; a class by its name, and its arguments without ``init_args``."""
    if not isinstance(values, dict) or not values:
        return {key: values}
    found: dict[str, Any] = {}
    for name, each in values.items():
        if name == "class_path":
            found[key] = str(each).rpartition(".")[2]
        else:
            found |= _flat(each, key if name == "init_args" else f"{key}.{name}" if key else str(name))
    return found
