"""Sweep files: W&B's schema takes them, and the commands that its agent makes of them are what they say."""

from __future__ import annotations

import json
from itertools import product
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from jsonargparse import ArgumentParser, Namespace
from wandb.sdk.launch.sweeps.utils import create_sweep_command, create_sweep_command_args

from sansa_lightning.ablate.resolve import ParserOnly
from sansa_lightning.cli import TRAINER_DEFAULTS, ShortErrorParser
from sansa_lightning.recipes import FEW_SHOT, RECIPES

ROOT = Path(__file__).parents[1]
FILES = sorted((ROOT / "ablations" / "sweeps").glob("*.yaml"))
SCHEMA = json.loads((ROOT / "tests" / "fakes" / "sweep_schema.json").read_text())
NOT_SWEPT = {"frozen", "none"}
"""Rows of tables that train nothing."""


@pytest.fixture(scope="module")
def parser() -> ArgumentParser:
    """The parser of the command line."""
    made = ParserOnly(
        RECIPES[FEW_SHOT],
        save_config_callback=None,
        trainer_defaults=TRAINER_DEFAULTS,
        seed_everything_default=0,
        parser_class=ShortErrorParser,
        auto_configure_optimizers=False,
        load_from_checkpoint_support=False,
        args=[],
    )
    return made.parser


def swept(path: Path) -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load(path.read_text())
    return content


def values(parameter: dict[str, Any]) -> list[Any]:
    """Those of a grid, or the ends of a range."""
    if "values" in parameter:
        return list(parameter["values"])
    return [parameter["value"]] if "value" in parameter else [parameter["min"], parameter["max"]]


def arguments(sweep: dict[str, Any], chosen: dict[str, Any]) -> list[str]:
    """What follows ``python -m sansa_lightning`` in the command that the agent runs for these values."""
    made = create_sweep_command_args({"args": {key: {"value": value} for key, value in chosen.items()}})
    made |= {"env": ["/usr/bin/env"], "interpreter": ["python"], "program": [sweep["program"]]}
    command = []
    for part in create_sweep_command(list(sweep["command"])):
        command += made[part[2:-1]] if part.startswith("${") else [part]
    assert command[:4] == ["/usr/bin/env", "python", "-m", "sansa_lightning"]
    return command[4:]


def each_value(sweep: dict[str, Any]) -> list[dict[str, Any]]:
    """As few choices as have every value of every parameter once."""
    lists = {key: values(parameter) for key, parameter in sorted(sweep["parameters"].items())}
    longest = max(map(len, lists.values()))
    return [{key: given[index % len(given)] for key, given in lists.items()} for index in range(longest)]


def first_of_grid(path: Path) -> list[str]:
    """Arguments of the first run that W&B starts: it sorts the parameters by name."""
    sweep = swept(path)
    lists = [values(parameter) for _, parameter in sorted(sweep["parameters"].items())]
    return arguments(sweep, dict(zip(sorted(sweep["parameters"]), next(product(*lists)), strict=True)))


def found(config: Namespace, key: str) -> Any:
    """A resolved value; a class by its short name."""
    value = config[key]
    return value["class_path"].split(".")[-1] if isinstance(value, Namespace) and "class_path" in value else value


def holds(resolved: Any, said: Any) -> bool:
    """Whether a resolved value has all that a file says, classes by their short names."""
    if isinstance(said, dict):
        return all(key in resolved and holds(resolved[key], value) for key, value in said.items())
    return resolved == said or str(resolved).endswith(f".{said}")


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


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_each_value_is_read_as_the_file_says_it(path, parser, monkeypatch):
    monkeypatch.chdir(ROOT)
    sweep = swept(path)
    for chosen in each_value(sweep):
        config = parser.parse_args(arguments(sweep, chosen))["fit"]
        assert config.trainer.logger.class_path.endswith("WandbLogger")
        for key, value in chosen.items():
            if key == "config":
                assert holds(config, yaml.safe_load(Path(value).read_text())), value
            else:
                assert found(config, key) == value, key


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_the_order_of_parameters_does_not_matter(path, parser, monkeypatch):
    # A sweep goes through a server, which need not keep it.
    monkeypatch.chdir(ROOT)
    sweep = swept(path)
    chosen = each_value(sweep)[-1]
    backwards = dict(reversed(chosen.items()))
    assert arguments(sweep, chosen) != arguments(sweep, backwards)
    configs = [parser.parse_args(arguments(sweep, each))["fit"].clone() for each in (chosen, backwards)]
    for config in configs:
        config.pop("config")  # the names of the files, in their order
    assert configs[0] == configs[1]


def test_the_paper_s_experiment_takes_the_place_of_the_miniature(parser, monkeypatch):
    monkeypatch.chdir(ROOT)
    args = first_of_grid(ROOT / "ablations" / "sweeps" / "table3_adapters.yaml")
    assert args[1] == "--config=experiments/nano/ablate.yaml"
    args[1] = "--config=experiments/coco20i.yaml"
    config = parser.parse_args(args)["fit"]
    assert config.model.base.name == "sam2_hiera_large"
    assert config.model.strategy.class_path.endswith("LoRA")


TABLES = sorted({path.stem for path in FILES} & {path.stem for path in (ROOT / "ablations" / "tables").glob("*.yaml")})


def row_files(row: dict[str, Any]) -> list[Path]:
    named = row["config"] if isinstance(row["config"], list) else [row["config"]]
    return [(ROOT / "ablations" / "tables" / name).resolve() for name in named]


@pytest.mark.parametrize("name", TABLES)
def test_a_sweep_has_the_rows_of_its_table(name):
    sweep = swept(ROOT / "ablations" / "sweeps" / f"{name}.yaml")
    parameters = sweep["parameters"]
    experiment, *common = [ROOT / part.split("=")[1] for part in sweep["command"] if part.startswith("--config=")]
    table = swept(ROOT / "ablations" / "tables" / f"{name}.yaml")
    assert experiment == (ROOT / "ablations" / "tables" / table["experiment"]).resolve()
    rows = [files for files in map(row_files, table["rows"]) if files[-1].stem not in NOT_SWEPT]
    assert all(files[:-1] == common for files in rows)
    if "config" in parameters:
        assert {files[-1] for files in rows} == {ROOT / file for file in parameters["config"]["values"]}
    else:
        lengths = [{"data": {"train_targets": length}} for length in parameters["data.train_targets"]["values"]]
        assert [yaml.safe_load(files[-1].read_text()) for files in rows] == lengths


def test_the_tables_that_are_swept_are_all_but_one():
    # The rows of Table 4 are among those of Table 3, left; it differs in what they are tested on.
    assert set(TABLES) == {path.stem for path in (ROOT / "ablations" / "tables").glob("*.yaml")} - {"table4"}
