"""Records of version 1 get today's identities, and nothing else of them changes."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from types import ModuleType

import pytest
import yaml

from sansa_lightning.ablate.expand import Asked, Expander
from sansa_lightning.ablate.jobs import Job
from sansa_lightning.ablate.table import read_table

ROOT = Path(__file__).parents[2]
ROWS = [
    {"name": "Frozen", "set": {"model.strategy": "Frozen"}},
    {"name": "Wide", "set": {"data.prompt": "MaskPrompt", "model.strategy.init_args.factor": 0.5}},
]


@pytest.fixture(scope="module")
def tool() -> ModuleType:
    spec = importlib.util.spec_from_file_location("move_identities", ROOT / "tools" / "move_identities.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def tables(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("tables")
    content = {"title": "T", "experiment": str(ROOT / "experiments" / "nano" / "ablate.yaml"), "rows": ROWS}
    (folder / "t.yaml").write_text(yaml.safe_dump(content))
    return folder


@pytest.fixture(scope="module")
def jobs(tables) -> dict[tuple[str, int, int], Job]:
    """By row, fold and seed; the frozen base does not depend on the seed."""
    table, _ = read_table(tables / "t.yaml")
    assert table is not None
    expander = Expander(Asked(folds=(1,), seeds=(0, 4)))
    return {(row.name, *place): expander.jobs[key] for row in expander.expand(table) for place, key in row.runs.items()}


@pytest.fixture
def recorded(tool, jobs, tmp_path) -> dict:
    """Writes the table as version 1 had it; gives its content."""
    old = {place: tool.identity_1(*tool.described(job), trains=job.trains) for place, job in jobs.items()}
    rows = [
        {
            "name": row,
            "runs": [
                {"fold": fold, "seed": seed, "identity": old[name, fold, seed], "miou": 0.1 + 1e-17 * seed}
                for name, fold, seed in jobs
                if name == row
            ],
        }
        for row in ("Frozen", "Wide")
    ]
    folders = {key: f"runs/{row}_fold{fold}_seed{seed}-{key}" for (row, fold, seed), key in old.items()}
    content = {"table": "t", "title": "T", "rows": rows, "folders": folders}
    (tmp_path / "t.json").write_text(json.dumps(content, indent=2) + "\n")
    return content


@pytest.mark.slow
def test_runs_of_a_table_move_with_their_scores(tool, tables, jobs, recorded, tmp_path, capsys):
    assert tool.main([str(tmp_path), "--tables", str(tables)]) == 0
    assert capsys.readouterr().out == f"{tmp_path / 't.json'}: 4 runs moved\n"
    text = (tmp_path / "t.json").read_text()
    found = json.loads(text)
    assert found.pop("identity_version") == 2
    now = {(row["name"], run["fold"], run["seed"]): run for row in found["rows"] for run in row["runs"]}
    before = {(row["name"], run["fold"], run["seed"]): run for row in recorded["rows"] for run in row["runs"]}
    assert {place: run["identity"] for place, run in now.items()} == {
        place: job.identity for place, job in jobs.items()
    }
    assert all({**now[place], "identity": 0} == {**before[place], "identity": 0} for place in before)
    assert len({run["identity"] for run in now.values()}) == len({run["identity"] for run in before.values()}) == 3
    assert list(found["folders"]) == sorted({job.identity for job in jobs.values()})
    assert all(folder.endswith(f"-{key}") for key, folder in found["folders"].items())
    assert tool.main([str(tmp_path), "--tables", str(tables)]) == 0  # again: nothing
    assert (tmp_path / "t.json").read_text() == text


@pytest.mark.slow
def test_a_table_with_a_run_that_its_row_would_not_run_is_left(tool, tables, recorded, tmp_path, capsys):
    recorded["rows"][1]["runs"][0]["identity"] = "0123456789ab"
    text = json.dumps(recorded)
    (tmp_path / "t.json").write_text(text)
    assert tool.main([str(tmp_path), "--tables", str(tables)]) == 1
    said = "left as it is, since 1 of 4 runs are not those of the table today"
    assert capsys.readouterr().out == f"{tmp_path / 't.json'}: {said}\n"
    assert (tmp_path / "t.json").read_text() == text


@pytest.mark.slow
def test_folders_of_runs_move_by_their_configurations(tool, jobs, tmp_path):
    frozen, wide = jobs["Frozen", 1, 0], jobs["Wide", 1, 4]
    for name, job in (("Frozen", frozen), ("Wide", wide)):
        there = tmp_path / f"{name}_fold1-0123456789ab"
        there.mkdir()
        (there / "row.yaml").write_text(job.config)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "row.yaml").write_text("of no interest: its name has no identity")
    assert tool.main(["--runs", str(tmp_path)]) == 0
    expected = {f"Frozen_fold1-{frozen.identity}", f"Wide_fold1-{wide.identity}", "mine"}
    assert {path.name for path in tmp_path.iterdir()} == expected
    double = tmp_path / "Wide_fold1-0123456789ab"
    double.mkdir()
    (double / "row.yaml").write_text(wide.config)
    assert tool.main(["--runs", str(tmp_path)]) == 1
    assert {path.name for path in tmp_path.iterdir()} == expected | {double.name}


def test_nothing_to_move_is_said(tool, tmp_path):
    with pytest.raises(ValueError, match=r"expected a folder with tables that ablate wrote \(\*\.json\), or --runs"):
        tool.main([str(tmp_path)])
