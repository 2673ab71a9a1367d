"""The recorded runs of ablations/results: still what the tables would run, so that ``--recorded`` finds them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sansa_lightning.ablate.expand import Asked, Expander
from sansa_lightning.ablate.table import read_table

ABLATIONS = Path(__file__).parents[2] / "ablations"
RESULTS = sorted((ABLATIONS / "results").glob("*.json"))


@pytest.mark.parametrize("path", RESULTS, ids=lambda path: path.stem)
def test_recorded_runs_are_those_of_the_table_today(path):
    rows = json.loads(path.read_text())["rows"]
    found = {(row["name"], run["fold"], run["seed"]): run["identity"] for row in rows for run in row["runs"]}
    _, folds, seeds = (tuple(sorted(set(part))) for part in zip(*found, strict=True))
    table, faults = read_table(ABLATIONS / "tables" / f"{path.stem}.yaml")
    assert table is not None
    expander = Expander(Asked(folds=folds, seeds=seeds))
    planned = {(each.row.name, *place): key for each in expander.expand(table) for place, key in each.runs.items()}
    assert faults == expander.faults == []
    assert found.items() <= planned.items()


def test_there_are_some():
    assert RESULTS
