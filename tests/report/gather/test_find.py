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
        f"{tmp_path / 'odd'} (fit)": (
            "result.json is not as this project writes it: metrics: expected an object, but got [1]"
        ),
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
        {"metrics": {"test": {"miou": "high"}}},
        {"time": 5, "error": 3},
        {"seed": [0], "config": {"data": {"protocol": {"class_path": "a.B", "init_args": {"fold": [0]}}}}},
        {"strategy": {"class": "Frozen", "settings": [1]}, "method": 3},
        {"frames_per_second": 10**400},
    ],
)
def test_a_result_of_another_form_never_ends_the_report(change, tmp_path):
    (tmp_path / "result.json").write_text(json.dumps(plain_result() | change))
    found = find([tmp_path])
    assert len(found.runs) + len(found.apart) == 1
    assert (
        "1 run in tables, 0 listed apart" in (said := build(found).says) or "0 runs in tables, 1 listed apart" in said
    )


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"metrics": {"test": {"miou": 57.3}}}, "metrics.test.miou: expected a number in [0, 1], but got 57.3"),
        ({"metrics": {"test": {"miou": float("nan")}}}, "metrics.test.miou: expected a number in [0, 1], but got nan"),
        ({"metrics": {"test": {"miou": True}}}, "metrics.test.miou: expected a number in [0, 1], but got True"),
        ({"metrics": {"test": {"miou": "high"}}}, "metrics.test.miou: expected a number in [0, 1], but got 'high'"),
        (
            {"metrics": {"test": {"miou": 0.5, "controls": {"margin": -3}}}},
            "metrics.test.controls.margin: expected a number in [-1, 1], but got -3",
        ),
        (
            {"metrics": {"test": {"miou": 0.5, "classes": [{"name": "a", "iou": 57.3, "targets": 1}]}}},
            "metrics.test.classes[0].iou: expected a number in [0, 1], but got 57.3",
        ),
        ({"trained_parameters": -1}, "trained_parameters: expected a whole number, not negative, but got -1"),
        (
            {"config": None},
            "config.data.source: expected a class, but it is not said; "
            "config.data.protocol: expected a class, but it is not said",
        ),
    ],
)
def test_impossible_values_are_apart_and_named(change, said, tmp_path):
    write_run(tmp_path / "good")
    (tmp_path / "odd").mkdir()
    (tmp_path / "odd" / "result.json").write_text(json.dumps(plain_result() | change))
    found = find([tmp_path])
    assert [run.folder.name for run in found.runs] == ["good"]
    assert found.apart == {f"{tmp_path / 'odd'} (fit)": f"result.json is not as this project writes it: {said}"}


def test_a_second_score_and_a_training_are_read_as_strictly(tmp_path):
    one = write_run(tmp_path / "one")
    write_run(one / "in_domain", 57.3, name="result_test.json", metrics={"test": {"miou": 57.3}})
    trained = write_run(tmp_path / "trained", config={"trainer": [1]}, status="failed", metrics=None)
    checkpoint = {"ckpt_path": str(trained / "checkpoints" / "last.ckpt")}
    write_run(tmp_path / "tested", name="result_test.json", trained=None, changes=checkpoint)
    apart = find([tmp_path / "one", tmp_path / "tested"]).apart
    assert apart[f"{one} (fit)"].startswith("in_domain/result_test.json is not as this project writes it: metrics.test")
    assert apart[f"{tmp_path / 'tested'} (test)"] == (
        "it tests a checkpoint of a run whose result is not as this project writes it: "
        "config.trainer: expected an object, but got [1]"
    )


def test_tables_of_ablate_are_found_among_other_json(tmp_path):
    (tmp_path / "table.json").write_text(json.dumps(TABLE))
    (tmp_path / "other.json").write_text('{"rows": [1]}')
    (tmp_path / "list.json").write_text("[]")
    assert list(find([tmp_path]).tables) == [tmp_path / "table.json"]
    assert list(find([tmp_path / "table.json"]).tables) == [tmp_path / "table.json"]


@pytest.mark.parametrize("miou", [57.3, float("nan"), "high"])
def test_a_table_with_impossible_scores_is_apart(miou, tmp_path):
    rows = [{"name": "a", "paper": {}, "runs": [{"identity": "i", "fold": 0, "seed": 0, "miou": miou}]}]
    (tmp_path / "table.json").write_text(json.dumps(TABLE | {"rows": rows}))
    found = find([tmp_path])
    assert not found.tables
    assert found.apart[str(tmp_path / "table.json")] == (
        f"it is not as ablate writes it: rows[0].runs[0].miou: expected a number in [0, 1], but got {miou!r}"
    )


def test_what_is_not_there_is_one_line(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"expected a run folder, .* but .*gone is not there"):
        find([tmp_path / "gone"])
    with pytest.raises(ValueError, match=r"no run and no table in .*; a run's folder has a result\.json"):
        find([tmp_path])
    (tmp_path / "a.json").write_text("{}")
    with pytest.raises(ValueError, match=r"a\.json is not a table that ablate wrote"):
        find([tmp_path / "a.json"])
