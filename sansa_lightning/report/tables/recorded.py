"""The tables that ``ablate`` wrote, whose runs may be elsewhere or gone."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sansa_lightning.report.rows import PlannedRow, RowScores
from sansa_lightning.report.scores import NAMES, RunScores
from sansa_lightning.report.tables.model import SCORE_COLUMNS, Column, Table, Value, percent, score_values

OURS = (Column("row", "row", "text"), SCORE_COLUMNS[0], *SCORE_COLUMNS[1:], Column("in_domain", "in-domain"))
PAPERS = (Column("paper", "paper"), Column("difference", "difference", "signed"))
ALL_FOLDS = {0, 1, 2, 3}


def recorded_table(file: Path, content: Mapping[str, Any]) -> Table:
    """A table of ``ablate``; the paper's numbers stand in it only if every row is of the paper's experiment.

    Raises:
        ValueError: it is not as ``ablate`` writes it.
    """
    try:
        is_papers = papers_experiment(content)
        rows = [_row(row, is_papers) for row in content["rows"]]
        columns = [OURS[0], OURS[1], *(PAPERS if is_papers else ()), *OURS[2:]]
        notes = [f"recorded in {file.name}: commit, list of episodes and configuration are in the runs' own folders"]
        notes += [str(note) for note in content.get("notes", ())]
        name = re.sub(r"[^\w-]", "_", f"recorded_{content.get('table', file.stem)}")  # of a file in the report's folder
        title = str(content["title"])
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        msg = f"report: {file} is not a table as ablate writes it ({type(error).__name__}: {error})"
        raise ValueError(msg) from error
    return Table(name=name, title=title, columns=columns, rows=rows, notes=notes).shown()


def papers_experiment(content: Mapping[str, Any]) -> bool:
    """Whether every row is of the paper's own experiment."""
    said = content.get("papers_experiment") or [False]
    return all(each is True for each in said)


def is_miniature(content: Mapping[str, Any]) -> bool:
    """Whether its runs are of the miniature, by its notes."""
    return any(str(note).startswith("training: nano,") for note in content.get("notes", ()))


def _row(row: Mapping[str, Any], is_papers: bool) -> dict[str, Value]:
    scores = {
        (run["fold"], run["seed"]): RunScores(**{name: run[name] for name in NAMES if name in run})
        for run in row["runs"]
    }
    scored = RowScores(PlannedRow(name=row["name"], config={}, runs={}), scores)
    values: dict[str, Value] = {"row": row["name"], "in_domain": percent(scored.mean("in_domain"))}
    values |= score_values(scored)
    paper, ours = row["paper"].get("miou"), values["miou"]
    if is_papers and paper is not None:
        whole = {fold for fold, _ in scored.values("miou")} == ALL_FOLDS
        values |= {"paper": paper, "difference": ours - paper if whole and isinstance(ours, float) else None}
    return values
