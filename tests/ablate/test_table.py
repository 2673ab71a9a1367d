from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from sansa_lightning.ablate.expand import Asked, Expander
from sansa_lightning.ablate.table import read_table

ROOT = Path(__file__).parents[2]
TABLES = sorted((ROOT / "ablations" / "tables").glob("*.yaml"))
ROW = {"name": "one", "config": "frozen.yaml"}

NOT_OF_THE_PAPER = {"nano_card", "neighbours", "crossings"}


def test_the_tables_of_the_paper_are_there():
    names = {path.stem for path in TABLES}
    assert names >= {"table3_finetune", "table3_adapters", "table3_placement", "table4", "table8", "table9", "figure6"}


@pytest.mark.slow
@pytest.mark.parametrize("path", TABLES, ids=lambda path: path.stem)
def test_every_row_of_a_shipped_table_is_read_and_resolved(path):
    table, faults = read_table(path)
    assert faults == []
    named = {entry["name"]: entry for entry in yaml.safe_load(path.read_text())["rows"]}
    assert [row.name for row in table.rows] == list(named)
    assert all(bool(row.paper) == (path.stem not in NOT_OF_THE_PAPER) for row in table.rows)
    expander = Expander(Asked())
    for row in table.rows:
        config, _ = expander.resolved(table, row)
        for file in row.files:
            said = yaml.safe_load(file.read_text())
            base = said.get("model", {}).get("base", {})
            assert config.model.base.name == base.get("name", config.model.base.name)
            assert config.data.train_targets == said.get("data", {}).get("train_targets", config.data.train_targets)
            strategy = said.get("model", {}).get("strategy", {"class_path": "AdaptFormer"})
            assert config.model.strategy.class_path.endswith(f".{strategy['class_path']}")


def test_the_rows_of_the_paper_are_what_it_prints():
    numbers = {}
    for path in TABLES:
        table, _ = read_table(path)
        numbers[path.stem] = {row.name: dict(row.paper) for row in table.rows}
    assert numbers["table3_finetune"]["QKV FT"] == {"miou": 55.3, "params_m": 50}
    assert numbers["table3_adapters"]["AdaptFormer 0.8"] == {"miou": 58.2}
    assert numbers["table3_placement"]["stages 2-3"] == {"miou": None}
    assert numbers["table4"]["Backbone"] == {"miou": 55.2, "in_domain": 74.8, "params_m": 210}
    assert numbers["table8"]["Base"] == {"miou": 55.4, "params_m": 3.3}
    assert [row["miou"] for row in numbers["table9"].values()] == [57.0, 58.9, 60.2, 59.8, 59.5, 60.0]
    assert {name: row["miou"] for name, row in numbers["figure6"].items()} == {
        "point": 53.4,
        "scribble": 53.1,
        "box": 54.3,
        "mask": 60.2,
    }


def test_a_table_says_what_it_compares(write_table):
    rows = [ROW, {"name": "two", "set": {"data.shots": 5}, "paper": {"method": "SANSA"}}]
    paper = {"block": "table4_adaptation", "columns": {"miou": "out_of_domain"}}
    path = write_table(rows, folds=[1, 3], seeds=[0, 7], in_domain=True, paper=paper)
    table, faults = read_table(path)
    assert faults == []
    assert (table.folds, table.seeds, table.in_domain, table.name) == ((1, 3), (0, 7), True, "table")
    assert table.rows[0].files == (path.parent / "frozen.yaml",)
    assert table.rows[1].settings == {"data.shots": 5}
    assert table.rows[1].paper == {"miou": 60.2}


PAPER = {"block": "table4_adaptation", "columns": {"miou": "out_of_domain"}}
WRONG = {
    "file": ({"rows": [{"name": "one", "config": "nowhere.yaml"}]}, "row 'one': file nowhere.yaml is not there"),
    "names": ({"rows": [ROW, ROW, {"name": "two"}]}, "2 rows are named 'one'"),
    "nameless": ({"rows": [ROW, {"config": "frozen.yaml"}]}, "1 of 2 rows have no name (as text)"),
    "rows": ({"rows": []}, "rows: expected a list of mappings with at least a name, but got []"),
    "row key": ({"rows": [{"name": "one", "confg": "a"}]}, "row 'one': unknown key 'confg'; did you mean config?"),
    "key": ({"rows": [ROW], "fold": [1]}, "unknown key 'fold'; did you mean folds?"),
    "folds": (
        {"rows": [ROW], "folds": [0, 0]},
        "folds: expected a list of different numbers, 0 or more, but got [0, 0]",
    ),
    "seeds": ({"rows": [ROW], "seeds": 3}, "seeds: expected a list of different numbers, 0 or more, but got 3"),
    "set": ({"rows": [{"name": "one", "set": 3}]}, "row 'one': set: expected dotted keys with values, but got 3"),
    "experiment": ({"rows": [ROW], "experiment": "x.yaml"}, "file x.yaml is not there"),
    "adjust": ({"rows": [ROW], "adjust": "x.yaml"}, "file x.yaml is not there"),
    "in_domain": ({"rows": [ROW], "in_domain": "yes"}, "in_domain: expected true or false, but got 'yes'"),
    "paper": (
        {"rows": [ROW | {"paper": {"method": "x"}}], "paper": {"block": "table4_adaptation", "columns": {"miou": "x"}}},
        "row 'one': paper_results.yaml, table4_adaptation: expected one row with {'method': 'x'}, but got 0 of 4",
    ),
    "no paper": ({"rows": [ROW | {"paper": {"method": "x"}}]}, "row 'one': paper: the table itself has none; expected"),
    "row's paper": (
        {"rows": [ROW | {"paper": "x"}], "paper": PAPER},
        "row 'one': paper: expected a mapping that singles",
    ),
    "paper is text": (
        {"rows": [ROW | {"paper": {"method": "SANSA"}}], "paper": "x"},
        "paper: expected a mapping of block, base, columns, but got 'x'",
    ),
    "paper is null": (
        {"rows": [ROW], "paper": None},
        "paper: expected a mapping of block, base, columns, but got None",
    ),
    "paper key": ({"rows": [ROW], "paper": PAPER | {"bas": 1}}, "paper: unknown key 'bas'; did you mean base?"),
    "block": (
        {"rows": [ROW], "paper": PAPER | {"block": [1]}},
        "paper.block: expected a table of the paper, but got [1]",
    ),
    "base": ({"rows": [ROW], "paper": PAPER | {"base": ["x"]}}, "paper.base: expected one of nano, sam2_hiera_tiny,"),
    "columns": (
        {"rows": [ROW | {"paper": {"method": "SANSA"}}], "paper": PAPER | {"columns": ["miou"]}},
        "paper.columns: expected scores with the paper's names for them, but got ['miou']",
    ),
    "column": (
        {"rows": [ROW | {"paper": {"method": "SANSA"}}], "paper": PAPER | {"columns": {"miuo": "x"}}},
        "paper.columns: unknown key 'miuo'; did you mean miou?",
    ),
    "column's name": (
        {"rows": [ROW], "paper": PAPER | {"columns": {"miou": ["x"]}}},
        "paper.columns: expected scores with the paper's names for them, but got {'miou': ['x']}",
    ),
    "title": ({"rows": [ROW], "title": [1]}, "title: expected a text, but got [1]"),
    "title is null": ({"rows": [ROW], "title": None}, "title: expected a text, but got None"),
    "experiment is null": ({"rows": [ROW], "experiment": None}, "experiment: expected a file, but got None"),
    "set's keys": (
        {"rows": [{"name": "one", "set": {1: 2}}]},
        "row 'one': set: expected dotted keys with values, but got {1: 2}",
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_is_wrong_with_a_table_is_one_line(case, write_table):
    content, words = WRONG[case]
    path = write_table(**content)
    table, faults = read_table(path)
    assert (table is None) == case.startswith("experiment")  # otherwise what is sound of it can be looked at
    assert len(faults) == 1
    assert faults[0].startswith(f"{path}")
    assert words in faults[0]


def test_what_is_sound_of_a_table_is_there_beside_its_faults(write_table):
    rows = [ROW, {"name": "absent", "config": ["frozen.yaml", "x.yaml"]}, {"name": "odd", "set": 3}, {"name": "last"}]
    table, faults = read_table(write_table(rows, folds="all", seeds=[-1], in_domain=3, paper=4, title=5))
    assert len(faults) == 7
    assert [row.name for row in table.rows] == ["one", "last"]
    assert (table.title, table.folds, table.seeds, table.in_domain, table.paper_base) == (
        "table",
        (0,),
        (0,),
        False,
        None,
    )


def test_all_that_is_wrong_is_said_at_once(write_table):
    rows = [{"name": "one", "config": "nowhere.yaml"}, {"name": "two", "config": "never.yaml"}]
    _, faults = read_table(write_table(rows, folds="all"))
    assert len(faults) == 3


def test_files_that_are_no_tables_are_one_line(tmp_path):
    assert read_table(tmp_path / "x.yaml")[1] == [f"table {tmp_path / 'x.yaml'} is not there"]
    (tmp_path / "list.yaml").write_text("- a\n")
    assert "expected a mapping of options at its top" in read_table(tmp_path / "list.yaml")[1][0]
    (tmp_path / "broken.yaml").write_text("rows: [\n")
    assert "not valid YAML" in read_table(tmp_path / "broken.yaml")[1][0]
    (tmp_path / "empty.yaml").write_text("")
    assert [fault.rpartition(": ")[2] for fault in read_table(tmp_path / "empty.yaml")[1]] == [
        "title is missing",
        "experiment is missing",
        "rows is missing",
    ]
