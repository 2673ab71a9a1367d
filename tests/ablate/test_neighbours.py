"""The rows of the tables of neighbours and crossings: each trains a step, is scored, and its parameters are counted."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from launches import call, result

ABLATIONS = Path(__file__).parents[2] / "ablations"
FILES = sorted(
    {
        (ABLATIONS / "tables" / row["config"]).resolve()
        for table in ("neighbours", "crossings")
        for row in yaml.safe_load((ABLATIONS / "tables" / f"{table}.yaml").read_text())["rows"]
    }
)
TRAINS_NOTHING = {"frozen", "prototype"}
SHORT = ("--trainer.max_steps", 1, "--trainer.limit_val_batches", 1, "--compare_frozen", "false")


def test_they_are_what_was_asked_for():
    crossings = {path.stem for path in FILES if path.parent.name == "crossings"}
    assert crossings == {path.stem for path in (ABLATIONS / "crossings").glob("*.yaml")}
    assert {path.stem for path in FILES} - crossings == {
        *TRAINS_NOTHING,
        *("prototype_adapted", "adaptformer_0.3", "fs_sam2", "fssam"),
    }


@pytest.mark.slow
@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_row_trains_a_step_and_is_scored_with_its_controls(path, tiny_yaml, tmp_path):
    trains = path.stem not in TRAINS_NOTHING
    options = ("--config", tiny_yaml, "--config", path, "--run_dir", tmp_path / "run")
    call("fit" if trains else "test", *options, *(SHORT if trains else ()))
    found = result(tmp_path / "run", "" if trains else "test")
    assert found["trained_parameters"] > 0 if trains else found["trained_parameters"] == 0
    if trains:
        assert found["steps"] == 1
    assert found["metrics"]["test"]["controls"]["margin"] is not None


@pytest.mark.slow
@pytest.mark.parametrize("table", ["neighbours", "crossings"])
def test_parameters_are_counted(table, capsys):
    path = ABLATIONS / "tables" / f"{table}.yaml"
    with pytest.raises(SystemExit, match=r"^0$"):
        call("params", path)
    said = capsys.readouterr().out
    for row in yaml.safe_load(path.read_text())["rows"]:
        assert row["name"] in said
