"""Runs and tables below the given folders."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sansa_lightning.report.gather.odd import odd_scores
from sansa_lightning.report.gather.runs import Run, read_run
from sansa_lightning.report.recorded import VERSION
from sansa_lightning.report.scores import IN_DOMAIN
from sansa_lightning.runs.folder import CHECKPOINTS, PREDICTIONS
from sansa_lightning.runs.result import result_name

SUBCOMMANDS = ("fit", "test")
INSIDE = (CHECKPOINTS, PREDICTIONS, "metrics", "wandb", IN_DOMAIN)
"""Folders of a run, which are not looked into: the second score of a run belongs to it."""

CONFIGURED = "config.yaml"


@dataclass
class Found:
    """What is below the given folders.

    Attributes:
        runs: all that can be read.
        tables: content of the tables that ``ablate`` wrote, by file.
        apart: what cannot be read or believed, with the reason.
    """

    runs: list[Run] = field(default_factory=list)
    tables: dict[Path, dict[str, Any]] = field(default_factory=dict)
    apart: dict[str, str] = field(default_factory=dict)


def find(paths: Iterable[Path]) -> Found:
    """Everything below some paths, each looked at once.

    Args:
        paths: run folders, folders of such folders, or tables (.json) that ``ablate`` wrote.

    Raises:
        FileNotFoundError: a path is not there.
        ValueError: a file is no such table, or there is nothing at all.
    """
    found, seen = Found(), set()
    for path in paths:
        if not path.exists():
            msg = f"report: expected a run folder, a folder of them or a table (.json), but {path} is not there"
            raise FileNotFoundError(msg)
        if path.is_file():
            if (table := _table(path)) is None:
                msg = f"report: {path} is not a table that ablate wrote (a JSON file with a title and rows)"
                raise ValueError(msg)
            _keep(path, table, found)
        for folder in _folders(path):
            if (real := folder.resolve()) not in seen:
                seen.add(real)
                _look(folder, found)
    if not found.runs and not found.tables and not found.apart:
        msg = f"report: no run and no table in {', '.join(map(str, paths))}; a run's folder has a result.json"
        raise ValueError(msg)
    return found


def _folders(path: Path) -> Iterator[Path]:
    for place, inner, _ in os.walk(path):
        inner[:] = sorted(name for name in inner if name not in INSIDE and not name.startswith("."))
        yield Path(place)


def _look(folder: Path, found: Found) -> None:
    results = [subcommand for subcommand in SUBCOMMANDS if (folder / result_name(subcommand)).is_file()]
    for subcommand in results:
        run = read_run(folder, subcommand)
        if isinstance(run, Run):
            found.runs.append(run)
        else:
            found.apart[f"{folder} ({subcommand})"] = run
    if not results and (folder / CONFIGURED).is_file():
        found.apart[str(folder)] = "it has a config.yaml but no result: it ended before it began"
    for file in () if results else sorted(folder.glob("*.json")):
        if (table := _table(file)) is not None:
            _keep(file, table, found)


def _keep(file: Path, table: dict[str, Any], found: Found) -> None:
    if odd := odd_scores(table["rows"]):
        found.apart[str(file)] = f"it is not as ablate writes it: {odd[0]}"
    else:
        found.tables[file] = table


def _table(file: Path) -> dict[str, Any] | None:
    """The content of a table of ``ablate``; None if the file is something else."""
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
        rows = content["rows"]
        whole = all(isinstance(run["identity"], str) for row in rows for run in row["runs"])
        named = all(isinstance(row["name"], str) and isinstance(row["paper"], dict) for row in rows)
        known = isinstance(content["title"], str) and (VERSION in content or "papers_experiment" in content)
    except (OSError, ValueError, TypeError, KeyError):
        return None
    return content if whole and named and known and rows else None
