"""The recorded runs of ablations/results: still what the tables would run, so that ``--recorded`` finds them, and what
ablations/README.md shows."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

import pytest

from sansa_lightning.ablate.command import write_table
from sansa_lightning.ablate.expand import Asked, Expander
from sansa_lightning.ablate.identity import IDENTITY_VERSION
from sansa_lightning.ablate.jobs import Job
from sansa_lightning.ablate.table import Table, read_table
from sansa_lightning.report.recorded import Recorded
from sansa_lightning.report.rows import PlannedRow

ABLATIONS = Path(__file__).parents[2] / "ablations"
RESULTS = sorted((ABLATIONS / "results").glob("*.json"))
SHOWN = ("| ", "- order: ", "- disagrees: ", "- in-domain, ")
"""How the lines begin of a table and of what it says of the paper's order."""

ONE_SEED = {"crossings"}
"""Tables that were run with seed 0 alone; the others have three."""

each_table = pytest.mark.parametrize("path", RESULTS, ids=lambda path: path.stem)


@cache
def expanded(path: Path) -> tuple[Table, list[PlannedRow], dict[str, Job]]:
    """The table that a file has results of, on all folds and with the seeds that its page promises."""
    table, faults = read_table(ABLATIONS / "tables" / f"{path.stem}.yaml")
    assert table is not None
    seeds = (0,) if path.stem in ONE_SEED else (0, 1, 2)
    expander = Expander(Asked(folds=(0, 1, 2, 3), seeds=seeds, runs=Path("not there")))
    rows = expander.expand(table)
    assert faults == expander.faults == []
    return table, rows, expander.jobs


def shown(text: str) -> list[str]:
    return [line for line in text.splitlines() if line.startswith(SHOWN)]


@pytest.mark.slow
@each_table
def test_recorded_runs_are_those_of_the_table_today(path):
    rows = json.loads(path.read_text())["rows"]
    found = {(row["name"], run["fold"], run["seed"]): run["identity"] for row in rows for run in row["runs"]}
    _, planned, _ = expanded(path)
    today = {(each.name, *place): key for each in planned for place, key in each.runs.items()}
    assert found.items() <= today.items()


@pytest.mark.slow
@each_table
def test_the_page_shows_what_is_recorded(path, tmp_path):
    table, rows, jobs = expanded(path)
    text = write_table(table, rows, jobs, {}, tmp_path, Recorded.read(path.parent, IDENTITY_VERSION))
    _, _, page = (ABLATIONS / "README.md").read_text().partition(f"\n## {table.title}\n")
    section, _, _ = page.partition("\n## ")
    assert shown(section) == shown(text)


def test_there_are_some():
    assert RESULTS
