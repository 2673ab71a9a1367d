"""Sweep files: W&B's schema takes them, and the commands that its agent makes of them are what they say."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from wandb.sdk.launch.sweeps.utils import create_sweep_command, create_sweep_command_args

from sansa_lightning.ablate import row
from sansa_lightning.ablate.checks import Checks
from sansa_lightning.ablate.expand import Asked, Expander, with_fold
from sansa_lightning.ablate.identity import identity
from sansa_lightning.ablate.table import read_table
from sansa_lightning.cli.resolve import as_plain, build, grammar
from sansa_lightning.trackers.zoo import Base

ROOT = Path(__file__).parents[1]
FILES = sorted((ROOT / "ablations" / "sweeps").glob("*.yaml"))
SCHEMA = json.loads((ROOT / "tests" / "fakes" / "sweep_schema.json").read_text())
SEARCH = ROOT / "ablations" / "sweeps" / "adaptformer_search.yaml"
GRIDS = [path for path in FILES if path != SEARCH]
NOT_SWEPT = {"Frozen", "none"}
"""Rows of tables that train nothing."""

NOT_TABLES = {"table4", "nano_card", "neighbours", "crossings"}
"""Tables without a sweep: rows of the first two are among those of Table 3, left; the others change methods."""


@pytest.fixture(autouse=True)
def in_the_checkout_without_data(monkeypatch):
    """Files are named from the checkout; whether data and published weights are here is not looked at."""
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr(Checks, "data", lambda *_, **__: None)
    monkeypatch.setattr(Base, "weights_file", lambda _: None)


def swept(path: Path) -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load(path.read_text())
    return content


def values(parameter: dict[str, Any]) -> list[Any]:
    """Those of a grid, or the ends of a range."""
    if "values" in parameter:
        return list(parameter["values"])
    return [parameter["value"]] if "value" in parameter else [parameter["min"], parameter["max"]]


def arguments(sweep: dict[str, Any], chosen: dict[str, Any], runs: Path) -> list[str]:
    """What follows ``python -m sansa_lightning`` in the process that the agent starts for these values."""
    program, *args = command_of(sweep, chosen)
    if program == "sansa_lightning":
        return args
    assert program == row.__name__
    became = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "execv", lambda _, command: became.extend(command))
        row.main([*args, f"--runs={runs}"])
    assert became[:3] == [sys.executable, "-m", "sansa_lightning"]
    return became[3:]


def command_of(sweep: dict[str, Any], chosen: dict[str, Any]) -> list[str]:
    """The program, and what follows it in the command that the agent runs for these values."""
    made = create_sweep_command_args({"args": {key: {"value": value} for key, value in chosen.items()}})
    made |= {"env": ["/usr/bin/env"], "interpreter": ["python"], "program": [sweep["program"]]}
    command = []
    for part in create_sweep_command(list(sweep["command"])):
        command += made[part[2:-1]] if part.startswith("${") else [part]
    assert command[:3] == ["/usr/bin/env", "python", "-m"]
    return command[3:]


def each_value(sweep: dict[str, Any]) -> list[dict[str, Any]]:
    """As few choices as have every value of every parameter once."""
    lists = {key: values(parameter) for key, parameter in sorted(sweep["parameters"].items())}
    longest = max(map(len, lists.values()))
    return [{key: given[index % len(given)] for key, given in lists.items()} for index in range(longest)]


def test_there_is_a_sweep_for_each_grid():
    grids = {"table3_finetune", "table3_adapters", "table3_placement", "table8", "table9", "figure6"}
    assert {path.stem for path in FILES} == grids | {"adaptformer_search"}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_wandb_takes_the_file(path):
    sweep = swept(path)
    jsonschema.Draft7Validator(SCHEMA).validate(sweep)
    assert sweep["name"] == path.stem
    assert sweep["metric"] == {"name": "test/miou", "goal": "maximize"}
    for parameter in sweep["parameters"].values():
        assert "min" not in parameter or parameter["min"] < parameter["max"]


def test_the_schema_refuses_what_is_wrong():
    sweep = swept(FILES[0])
    for wrong in ({"method": "all"}, {"paramaters": {}}, {"metric": {"goal": "up"}}, {"command": "fit"}):
        assert list(jsonschema.Draft7Validator(SCHEMA).iter_errors(sweep | wrong)), wrong


def test_each_value_of_the_search_is_read_as_the_file_says_it(tmp_path):
    sweep = swept(SEARCH)
    for chosen in each_value(sweep):
        config = grammar().read(arguments(sweep, chosen, tmp_path))["fit"]
        assert config.trainer.logger.class_path.endswith("WandbLogger")
        assert {key: config[key] for key in chosen} == chosen
        assert config.model.base.name == "nano"


@pytest.mark.slow
@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_the_order_of_parameters_does_not_matter(path, tmp_path):
    # A sweep goes through a server, which need not keep it.
    sweep = swept(path)
    chosen = each_value(sweep)[-1]
    backwards = dict(reversed(chosen.items()))
    assert command_of(sweep, chosen) != command_of(sweep, backwards)
    assert sorted(arguments(sweep, chosen, tmp_path)) == sorted(arguments(sweep, backwards, tmp_path))


@pytest.mark.slow
@pytest.mark.parametrize("path", GRIDS, ids=lambda path: path.stem)
def test_a_run_of_a_sweep_is_the_one_that_ablate_has(path, tmp_path):
    sweep = swept(path)
    table, faults = read_table(ROOT / "ablations" / "tables" / path.name)
    assert faults == []
    parameters = {key: values(parameter) for key, parameter in sweep["parameters"].items()}
    assert set(parameters["row"]) == {each.name for each in table.rows} - NOT_SWEPT
    assert len(parameters["row"]) == len(set(parameters["row"]))
    assert set(parameters["fold"]) == set(table.folds)
    expander = Expander(Asked(folds=(0, 1, 2, 3), seeds=(0, 1, 2), runs=tmp_path / "ablate"))
    runs = {planned.name: planned.runs for planned in expander.expand(table)}
    for chosen in each_value(sweep):
        expected = expander.jobs[runs[chosen["row"]][chosen["fold"], chosen["seed"]]]
        args = arguments(sweep, chosen, tmp_path)
        folder = tmp_path / expected.folder.name  # where ``ablate --runs`` looks for it
        assert args[:5] == ["fit", "--config", str(folder / "row.yaml"), "--run_dir", str(folder)]
        config = grammar().read(args)["fit"]
        assert config.trainer.logger.class_path.endswith("WandbLogger")
        assert config.compare_frozen
        config = with_fold(config, None)
        assert identity(as_plain(config), build(config)[0].parts.strategy, trains=True) == expected.identity


@pytest.mark.slow
def test_what_a_strategy_needs_on_the_miniature_is_in_its_runs(tmp_path):
    sweep = swept(ROOT / "ablations" / "sweeps" / "table3_finetune.yaml")
    rates = {}
    for name in ("Full FT", "SANSA"):
        config = grammar().read(arguments(sweep, {"row": name, "fold": 1, "seed": 2}, tmp_path))["fit"]
        rates[name] = config.model.optimizer.init_args.lr
        assert (config.seed_everything, config.data.seed, config.model.base.seed) == (2, 2, 2)
    assert rates == {"Full FT": 0.0005, "SANSA": 0.006}


def test_the_paper_s_experiment_takes_the_place_of_the_miniature(tmp_path):
    sweep = swept(ROOT / "ablations" / "sweeps" / "table3_adapters.yaml")
    sweep["command"].insert(5, "--config=experiments/coco20i.yaml")
    config = grammar().read(arguments(sweep, {"row": "LoRA", "fold": 2, "seed": 0}, tmp_path))["fit"]
    assert config.model.base.name == "sam2_hiera_large"
    assert config.model.strategy.class_path.endswith("LoRA")
    assert config.model.optimizer.init_args.lr == 1e-4
    assert config.data.protocol.init_args.fold == 2


def test_the_tables_that_are_swept_are_all_but_two():
    tables = {path.stem for path in (ROOT / "ablations" / "tables").glob("*.yaml")}
    assert {path.stem for path in GRIDS} == tables - NOT_TABLES
