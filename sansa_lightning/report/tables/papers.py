"""The tables of papers, filled by runs: ours beside the paper's, where experiment, protocol and row are the same."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

import yaml

from sansa_lightning.report.gather.facts import differences, meets
from sansa_lightning.report.gather.runs import Run
from sansa_lightning.report.gather.sort import latest, of_one_list
from sansa_lightning.report.paper import paper_results, published
from sansa_lightning.report.rows import PlannedRow, RowScores
from sansa_lightning.report.tables.model import SCORE_COLUMNS, SPREAD_NOTE, Column, Table, Value, score_values

COLUMNS = (
    Column("row", "row", "text"),
    Column("data", "data", "text"),
    SCORE_COLUMNS[0],
    Column("paper", "paper"),
    Column("difference", "difference", "signed"),
    *SCORE_COLUMNS[1:],
    Column("paper_trained_m", "paper, trained (M)"),
)


@cache
def definitions() -> dict[str, Any]:
    """The experiments and tables of ``paper_tables.yaml``."""
    text = files("sansa_lightning.report").joinpath("paper_tables.yaml").read_text(encoding="utf-8")
    content: dict[str, Any] = yaml.safe_load(text)
    return content


@dataclass(frozen=True)
class Seat:
    """A place in a table where a run may stand.

    Attributes:
        table: its name.
        row: number of the row in the table's definition.
        column: of the paper.
    """

    table: str
    row: int
    column: str


def seats(run: Run) -> tuple[list[Seat], list[str]]:
    """The places of a run in tables of papers, and, if there are none, what keeps it from the nearest one.

    Returns:
        Both are empty for an experiment that is in no paper.
    """
    found, reasons = [], []
    for name, table in definitions()["tables"].items():
        for column, said in table["columns"].items():
            experiment = definitions()["experiments"][said["experiment"]]
            if not meets(run.result, experiment["is"]) or not _of_fold(run, said):
                continue
            for number, row in enumerate(table["rows"]):
                if meets(run.result, row["is"]):
                    wrong = _differences(run, experiment)
                    reasons += [wrong] if wrong else []
                    found += [] if wrong else [Seat(name, number, column)]
    return found, [] if found else min(reasons, key=len, default=[])


def _of_fold(run: Run, column: Mapping[str, Any]) -> bool:
    return "fold" not in column or run.place[0] == column["fold"]


def _differences(run: Run, experiment: Mapping[str, Any]) -> list[str]:
    found = differences(run.result, experiment["as"])
    trained = run.trained_by if run.trains else None
    return found if trained is None else [*found, *differences(trained, experiment["training"])]


def paper_tables(runs: Sequence[Run], apart: dict[str, str]) -> tuple[list[Table], list[Run]]:
    """The tables that the runs fill, and the runs that are of no experiment of a paper.

    Args:
        runs: against which nothing speaks; none of the miniature.
        apart: gets those that are nearly of a paper's experiment, or of another list of episodes, with the difference.
    """
    seated: dict[str, dict[Run, list[Seat]]] = {}
    others = []
    for run in runs:
        found, wrong = seats(run)
        if wrong:
            apart[run.name] = f"it is not quite the paper's experiment: {'; '.join(wrong)}"
        elif not found:
            others.append(run)
        for seat in found:
            experiment = definitions()["tables"][seat.table]["columns"][seat.column]["experiment"]
            seated.setdefault(experiment, {}).setdefault(run, []).append(seat)
    placed: dict[tuple[str, str], dict[Run, int]] = {}
    for members in seated.values():
        for run in of_one_list(members, apart):
            for seat in members[run]:
                placed.setdefault((seat.table, seat.column), {})[run] = seat.row
    tables = [_table(name, placed, apart) for name in definitions()["tables"]]
    return [table for table in tables if table is not None], others


def _table(name: str, placed: Mapping[tuple[str, str], Mapping[Run, int]], apart: dict[str, str]) -> Table | None:
    said = definitions()["tables"][name]
    rows: list[dict[str, Value]] = []
    for column in said["columns"]:
        if members := placed.get((name, column)):
            kept = latest(list(members), members.__getitem__, apart)
            rows += _rows(said, column, {run: members[run] for run in kept})
    if not rows:
        return None
    columns = [column for column in COLUMNS if column.key != "paper_trained_m" or "trained" in said]
    return Table(name=name, title=said["title"], columns=columns, rows=rows, notes=_notes(said))


def _rows(said: Mapping[str, Any], column: str, members: Mapping[Run, int]) -> Iterator[dict[str, Value]]:
    """The rows of one column of the paper: those with runs, and those that only the paper has."""
    place = said["columns"][column]
    experiment = definitions()["experiments"][place["experiment"]]
    folds = {place["fold"]} if "fold" in place else set(range(experiment["folds"])) if "folds" in experiment else {None}
    title = place.get("title", experiment["title"]) + (f", fold {place['fold']}" if "fold" in place else "")
    score = place.get("score", "miou")
    for number, row in enumerate(said["rows"]):
        runs = [run for run, each in members.items() if each == number]
        scored = RowScores(PlannedRow(name=row["name"], config={}, runs={}), {run.place: run.scores for run in runs})
        paper = _paper(said, row, column)
        values: dict[str, Value] = {"row": row["name"], "data": title, "paper": paper}
        if scored.values(score):
            values |= score_values(scored, score)
            values["paper_trained_m"] = _paper(said, row, said["trained"]) if "trained" in said else None
            whole = {fold for fold, _ in scored.values(score)} == folds
            ours = values["miou"]
            values["difference"] = ours - paper if whole and paper is not None and isinstance(ours, float) else None
        if len(values) > 3 or paper is not None:
            yield values
    yield from _of_others(said, column, title)


def _of_others(said: Mapping[str, Any], column: str, title: str) -> Iterator[dict[str, Value]]:
    """Rows of the paper that no run of ours can fill: other people's methods."""
    block, _, part = str(said.get("block", "")).partition(".")
    if not block:
        return
    own = [row["paper"] for row in said["rows"]]
    for entry in paper_results()[block][part or "rows"]:
        if any(all(entry.get(key) == value for key, value in each.items()) for each in own):
            continue
        names = {
            key: value for key, value in entry.items() if key in ("method", "extra_data", "encoder", "J", "prompt")
        }
        value = published(str(said["block"]), names, column)
        if value is not None:
            more = entry.get("extra_data")
            name = str(entry.get("method")) + (f", {', '.join(more)}" if isinstance(more, list) and more else "")
            yield {"row": name, "data": title, "paper": value}


def _paper(said: Mapping[str, Any], row: Mapping[str, Any], column: str) -> float | None:
    if "path" not in row:
        return published(said["block"], row["paper"], column)
    found: Any = paper_results()
    for part in row["path"].split("."):
        found = found[part]
    return None if found is None else float(found)


def _notes(said: Mapping[str, Any]) -> list[str]:
    block = paper_results().get(str(said.get("block", "")).partition(".")[0], {})
    protocol = block.get("protocol", {})
    found = [f"the paper's protocol: {'; '.join(f'{key}: {value}' for key, value in protocol.items())}"]
    return [
        SPREAD_NOTE,
        "a difference is given where our folds are all of the paper's; rows without mIoU are the paper's alone",
        *(found if protocol else []),
        *([said["note"]] if "note" in said else []),
    ]
