"""Moves records of runs to today's identities: ``python tools/move_identities.py ablations/results``.

Version 1 of an identity hashed every argument with its default, so that a new option of ours or of Lightning's made
another run of each. Version 2 hashes what a configuration changes. The runs in the tables of a folder (``*.json``, as
``ablate`` wrote them) get new identities and keep their scores. A table is left as it is, with a line that says so, if
one of its runs is not what its row would run today, by the rules of version 1. With ``--runs FOLDER`` the folders of
runs are renamed, each by the configuration in its ``row.yaml``.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml

from sansa_lightning.ablate.counting import attached
from sansa_lightning.ablate.expand import Asked, Expander
from sansa_lightning.ablate.identity import IDENTITY_VERSION, OF_TRAINING, identity
from sansa_lightning.ablate.jobs import WRITTEN, Job
from sansa_lightning.ablate.table import read_table
from sansa_lightning.cli.noise import quiet
from sansa_lightning.cli.resolve import as_plain, build, resolve
from sansa_lightning.files.whole import write_text
from sansa_lightning.report.gather.facts import INCIDENTAL
from sansa_lightning.report.recorded import VERSION
from sansa_lightning.runs.failures import one_line_errors
from sansa_lightning.strategies.base import Strategy, trained_parameters


def main(args: Sequence[str]) -> int:
    """The command; 1 if something could not be moved.

    Raises:
        ValueError: there is nothing to move, or a table file is wrong.
    """
    given = parser().parse_args(args)
    files = sorted(given.recorded.glob("*.json")) if given.recorded else []
    if not files and not given.runs:
        msg = f"expected a folder with tables that ablate wrote (*.json), or --runs, but got {given.recorded}"
        raise ValueError(msg)
    asked = Asked(tuple(given.config), given.adjust)
    left = sum(move_table(file, given.tables, asked) for file in files)
    left += move_folders(given.runs) if given.runs else 0
    return int(left > 0)


def parser() -> argparse.ArgumentParser:
    """Options of the command."""
    made = argparse.ArgumentParser("move_identities", allow_abbrev=False)
    made.add_argument("recorded", nargs="?", type=Path, help="folder with tables that ablate wrote")
    made.add_argument("--tables", type=Path, default=Path("ablations/tables"), help="folder with the table files")
    made.add_argument("--config", action="append", type=Path, default=[], help="as ablate had it")
    made.add_argument("--adjust", type=Path, help="likewise")
    made.add_argument("--runs", type=Path, help="folder with the folders of runs")
    return made


def move_table(file: Path, tables: Path, asked: Asked) -> int:
    """Give the runs of a table their new identities; how many keep their own."""
    content = json.loads(file.read_text(encoding="utf-8"))
    if content.get(VERSION) == IDENTITY_VERSION:
        print(f"{file}: has version {IDENTITY_VERSION} already")
        return 0
    runs = [run for row in content["rows"] for run in row["runs"]]
    moved = renamed(tables / f"{content['table']}.yaml", runs, asked)
    left = sum(run["identity"] not in moved for run in runs)
    if left:
        print(f"{file}: left as it is, since {left} of {len(runs)} runs are not those of the table today")
        return left
    for run in runs:
        run["identity"] = moved[run["identity"]]
    if "folders" in content:
        pairs = [(moved.get(old, old), folder.removesuffix(old)) for old, folder in content["folders"].items()]
        content["folders"] = {new: f"{folder}{new}" for new, folder in sorted(pairs)}
    write_text(file, json.dumps({VERSION: IDENTITY_VERSION, **content}, indent=2) + "\n")
    print(f"{file}: {len(runs)} runs moved")
    return 0


def renamed(table_file: Path, runs: Sequence[Mapping[str, Any]], asked: Asked) -> dict[str, str]:
    """The new identity of each run of a table, by its old one.

    Raises:
        ValueError: the table is wrong.
    """
    table, faults = read_table(table_file)
    folds = tuple(dict.fromkeys(run["fold"] for run in runs if run["fold"] is not None)) or None
    expander = Expander(replace(asked, folds=folds, seeds=tuple(dict.fromkeys(run["seed"] for run in runs))))
    if table is not None:
        expander.expand(table)
    if faults := [*faults, *expander.faults]:
        raise ValueError("; ".join(faults))
    return {identity_1(*described(job), trains=job.trains): key for key, job in expander.jobs.items()}


def move_folders(runs: Path) -> int:
    """Rename the folders of runs; how many could not be."""
    left = 0
    for file in sorted(runs.glob(f"*-????????????/{WRITTEN}")):
        with quiet():
            config = resolve([file], {})
            module, _ = build(config)
            trains = bool(trained_parameters(attached(module.parts.base, module.parts)))
        folder, key = file.parent, identity(as_plain(config), module.parts.strategy, trains=trains)
        there = folder.with_name(f"{folder.name[: -len(key)]}{key}")
        if there != folder and there.exists():
            print(f"{folder}: left as it is, since {there} is there")
            left += 1
        elif there != folder:
            folder.rename(there)
            print(f"{folder}: now {there.name}")
    return left


def described(job: Job) -> tuple[dict[str, Any], Strategy]:
    """Configuration and strategy of a run."""
    config = yaml.safe_load(job.config)
    with quiet():
        module, _ = build(resolve((), {"model.strategy": config["model"]["strategy"]}))
    return config, module.parts.strategy


def identity_1(config: Mapping[str, Any], strategy: Strategy, *, trains: bool) -> str:
    """The identity of version 1: a hash of the whole configuration."""
    kept = json.loads(json.dumps(config))
    trainer = kept["trainer"]
    one, devices = trainer.get("accelerator") == "cpu", trainer.get("devices")
    dropped = [*INCIDENTAL, *(OF_TRAINING if not trains else ())]
    dropped += ["trainer.devices"] * (devices in (None, "auto") or (one and str(devices) == "1"))
    dropped += ["trainer.callbacks"] * (not trainer.get("callbacks"))
    dropped += ["model.base.seed"] * (not trains and kept["model"]["base"]["weights"] is not None)
    for key in dropped:
        *path, last = key.split(".")
        group = kept
        for part in path:
            group = group.get(part) or {}
        group.pop(last, None)
    if str((kept["data"]["prompt"] or {}).get("class_path")).endswith(".MaskPrompt"):
        kept["data"]["prompt"] = None
    kept["model"]["strategy"] = {"class": type(strategy).__name__, "settings": strategy.settings()}
    return hashlib.sha256(json.dumps(kept, sort_keys=True, default=str).encode()).hexdigest()[:12]


if __name__ == "__main__":
    with one_line_errors():
        sys.exit(main(sys.argv[1:]))
