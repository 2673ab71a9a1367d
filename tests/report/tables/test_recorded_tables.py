"""The tables that ablate wrote."""

from __future__ import annotations

import json
from pathlib import Path
from statistics import fmean

import pytest

from sansa_lightning.report.tables.recorded import recorded_table

RESULTS = Path(__file__).parents[3] / "ablations" / "results"


def content(name: str) -> dict:
    return json.loads((RESULTS / f"{name}.json").read_text())


@pytest.mark.parametrize("name", ["nano_card", "table3_adapters", "table3_finetune", "table3_placement", "table9"])
def test_our_recorded_tables_have_their_own_means_and_no_number_of_the_paper(name):
    recorded = content(name)
    table = recorded_table(RESULTS / f"{name}.json", recorded)
    assert table.title == recorded["title"]
    for row, kept in zip(table.rows, recorded["rows"], strict=True):
        assert row["miou"] == pytest.approx(100 * kept["mean"]["miou"])
        assert row["seeds_sd"] == pytest.approx(100 * kept["spread_over_seeds"]["miou"])
        assert row["trained"] == round(fmean(run["trained_parameters"] for run in kept["runs"]))
    assert not {"paper", "difference"} & {column.key for column in table.columns}


def test_on_the_papers_experiment_the_papers_number_is_beside_ours():
    recorded = content("table9")
    recorded["papers_experiment"] = [True] * 6
    table = recorded_table(RESULTS / "table9.json", recorded)
    first = table.rows[0]
    assert first["paper"] == 57.0
    assert first["difference"] == pytest.approx(first["miou"] - 57.0)
    recorded["rows"][0]["runs"] = [run for run in recorded["rows"][0]["runs"] if run["fold"] == 0]
    assert recorded_table(RESULTS / "table9.json", recorded).rows[0]["difference"] is None


def test_the_name_of_a_table_is_no_path():
    assert recorded_table(Path("a.json"), content("table9") | {"table": "/../../x"}).name == "recorded________x"


def test_another_form_is_one_line():
    recorded = content("table9")
    del recorded["rows"][0]["runs"][0]["fold"]
    with pytest.raises(ValueError, match=r"table9\.json is not a table as ablate writes it \(KeyError: 'fold'\)"):
        recorded_table(RESULTS / "table9.json", recorded)
