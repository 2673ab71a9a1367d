"""Finding runs and tables below folders."""

from __future__ import annotations

import json

import pytest

from fakes.run_folders import plain_result, write_run
from sansa_lightning.report.build import build
from sansa_lightning.report.gather.find import find
from sansa_lightning.report.gather.runs import classes_of

TABLE = {"title": "T", "papers_experiment": [False], "rows": [{"name": "a", "paper": {}, "runs": []}]}


def test_runs_are_found_at_any_depth_and_once(tmp_path):
    one = write_run(tmp_path / "a" / "one", fold=2, seed=3)
    write_run(one, name="result_test.json")
    write_run(one / "in_domain", name="result_test.json")  # the second score of the same run
    write_run(one / "checkpoints")
    write_run(tmp_path / "b" / "deep" / "two")
    found = find([tmp_path, one, tmp_path / "a"])
    assert [run.name for run in found.runs] == [str(one), f"{one} (test)", str(tmp_path / "b" / "deep" / "two")]
    assert found.runs[0].place == (2, 3)
    assert classes_of(found.runs[0])["class 6"] == (0.5, 5)
    assert not found.apart


def test_what_cannot_be_read_is_apart_with_the_reason(tmp_path):
    (tmp_path / "half").mkdir()
    (tmp_path / "half" / "result.json").write_text('{"status": "fin')
    (tmp_path / "odd").mkdir()
    (tmp_path / "odd" / "result.json").write_text(json.dumps(plain_result() | {"metrics": [1]}))
    (tmp_path / "early").mkdir()
    (tmp_path / "early" / "config.yaml").write_text("a: 1\n")
    found = find([tmp_path])
    assert found.apart == {
        f"{tmp_path / 'half'} (fit)": "result.json is not a complete JSON object",
        f"{tmp_path / 'odd'} (fit)": "result.json is not as this project writes it: metrics",
        str(tmp_path / "early"): "it has a config.yaml but no result: it ended before it began",
    }


@pytest.mark.parametrize(
    "change",
    [
        {"metrics": {"test": {"miou": 0.5, "classes": [{"name": "a"}]}}},
        {"metrics": {"test": {"miou": 0.5, "classes": 3}}},
        {"metrics": {"test": [0.5]}},
        {"config": {"data": 3}, "seed": None},
        {"base": {"name": None}},
        {"machine": [], "episodes": {}},
    ],
)
def test_a_result_of_another_form_never_ends_the_report(change, tmp_path):
    (tmp_path / "result.json").write_text(json.dumps(plain_result() | change))
    found = find([tmp_path])
    assert len(found.runs) + len(found.apart) == 1
    assert (
        "1 run in tables, 0 listed apart" in (said := build(found).says) or "0 runs in tables, 1 listed apart" in said
    )


def test_tables_of_ablate_are_found_among_other_json(tmp_path):
    (tmp_path / "table.json").write_text(json.dumps(TABLE))
    (tmp_path / "other.json").write_text('{"rows": [1]}')
    (tmp_path / "list.json").write_text("[]")
    assert list(find([tmp_path]).tables) == [tmp_path / "table.json"]
    assert list(find([tmp_path / "table.json"]).tables) == [tmp_path / "table.json"]


def test_what_is_not_there_is_one_line(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"expected a run folder, .* but .*gone is not there"):
        find([tmp_path / "gone"])
    with pytest.raises(ValueError, match=r"no run and no table in .*; a run's folder has a result\.json"):
        find([tmp_path])
    (tmp_path / "a.json").write_text("{}")
    with pytest.raises(ValueError, match=r"a\.json is not a table that ablate wrote"):
        find([tmp_path / "a.json"])
