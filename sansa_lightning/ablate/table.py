"""Table files: which rows, what each changes, over which folds and seeds, and where the paper has them."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from sansa_lightning.messages import check_yaml
from sansa_lightning.report.paper import published

TABLE_KEYS = ("title", "experiment", "adjust", "folds", "seeds", "in_domain", "paper", "rows")
ROW_KEYS = ("name", "config", "set", "paper")
PAPER_KEYS = ("block", "base", "columns")
SCORES = ("miou", "in_domain", "params_m")
"""What the paper may have of a row: scores in percent, and millions of trained parameters."""


@dataclass(frozen=True)
class Row:
    """One row of a table.

    Attributes:
        name: heading, unique in the table.
        files: configuration files, later ones win.
        settings: dotted keys and their values, on top of the files.
        paper: what the paper has of it, by names of ``SCORES``; None where it prints nothing.
    """

    name: str
    files: tuple[Path, ...] = ()
    settings: Mapping[str, Any] = field(default_factory=dict)
    paper: Mapping[str, float | None] = field(default_factory=dict)


@dataclass(frozen=True)
class Table:
    """A table file.

    Attributes:
        path: the file.
        title: what it shows.
        experiment: configuration file that the rows change.
        adjust: file with what strategies need on that experiment, see :mod:`sansa_lightning.ablate.adjust`.
        folds: of the protocol.
        seeds: of training.
        in_domain: whether the trained models are scored on the classes that they were trained on, too.
        paper_base: base that the paper's numbers are of; None if each row has its own.
        rows: in the order of the table.
    """

    path: Path
    title: str
    experiment: Path
    adjust: Path | None
    folds: tuple[int, ...]
    seeds: tuple[int, ...]
    in_domain: bool
    paper_base: str | None
    rows: tuple[Row, ...]

    @property
    def name(self) -> str:
        """The file's name without its ending: names the files of the table."""
        return self.path.stem


def read_table(path: Path) -> tuple[Table | None, list[str]]:
    """A table, or what is wrong with its file: one line each.

    Args:
        path: YAML; the files in it are relative to its folder.
    """
    if not path.is_file():
        return None, [f"table {path} is not there"]
    try:
        check_yaml([path])
    except ValueError as error:
        return None, [str(error)]
    content = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    faults = _unknown(content, TABLE_KEYS, str(path))
    faults += [f"{path}: {key} is missing" for key in ("title", "experiment", "rows") if key not in content]
    faults += _not_numbers(content, path)
    if not isinstance(content.get("in_domain", False), bool):
        faults.append(f"{path}: in_domain: expected true or false, but got {content['in_domain']!r}")
    rows = [_row(entry, content, path, faults) for entry in _entries(content, path, faults)]
    names = [row.name for row in rows]
    faults += [
        f"{path}: {names.count(name)} rows are named {name!r}" for name in dict.fromkeys(names) if names.count(name) > 1
    ]
    experiment, adjust = (_file(content.get(key), path, str(path), faults) for key in ("experiment", "adjust"))
    if faults or experiment is None:
        return None, faults
    return Table(
        path=path,
        title=content["title"],
        experiment=experiment,
        adjust=adjust,
        folds=tuple(content.get("folds", (0, 1, 2, 3))),
        seeds=tuple(content.get("seeds", (0,))),
        in_domain=content.get("in_domain", False),
        paper_base=content.get("paper", {}).get("base"),
        rows=tuple(rows),
    ), []


def _entries(content: Mapping[str, Any], path: Path, faults: list[str]) -> list[dict[str, Any]]:
    entries = content.get("rows", [{}])
    if not isinstance(entries, list) or not entries or not all(isinstance(entry, dict) for entry in entries):
        faults.append(f"{path}: rows: expected a list of mappings with at least a name, but got {entries!r}")
        return []
    named = [entry for entry in entries if isinstance(entry.get("name"), str)]
    if "rows" in content and len(named) < len(entries):
        faults.append(f"{path}: {len(entries) - len(named)} of {len(entries)} rows have no name (as text)")
    return named


def _row(entry: Mapping[str, Any], content: Mapping[str, Any], path: Path, faults: list[str]) -> Row:
    where = f"{path}, row {entry['name']!r}"
    faults += _unknown(entry, ROW_KEYS, where)
    given = entry.get("config", [])
    listed = given if isinstance(given, list) else [given]
    files = [file for each in listed if (file := _file(each, path, where, faults)) is not None]
    settings = entry.get("set", {})
    if not isinstance(settings, dict):
        faults.append(f"{where}: set: expected dotted keys with values, but got {settings!r}")
        settings = {}
    return Row(entry["name"], tuple(files), settings, _paper(entry, content, where, faults))


def _paper(
    entry: Mapping[str, Any], content: Mapping[str, Any], where: str, faults: list[str]
) -> dict[str, float | None]:
    block, row = content.get("paper"), entry.get("paper")
    if row is None:
        return {}
    if not isinstance(block, dict) or not isinstance(row, dict) or set(block) - set(PAPER_KEYS):
        faults.append(f"{where}: paper: expected mappings, and in the table's own only {', '.join(PAPER_KEYS)}")
        return {}
    columns = block.get("columns", {})
    faults += _unknown(columns, SCORES, f"{where}: paper.columns")
    try:
        return {score: published(str(block.get("block")), row, column) for score, column in columns.items()}
    except ValueError as error:
        faults.append(f"{where}: {error}")
        return {}


def _file(given: Any, path: Path, where: str, faults: list[str]) -> Path | None:
    if given is None:
        return None
    file = path.parent / str(given)
    if file.is_file():
        return file
    faults.append(f"{where}: file {given} is not there (looked for {file})")
    return None


def _not_numbers(content: Mapping[str, Any], path: Path) -> list[str]:
    return [
        f"{path}: {key}: expected a list of different numbers, 0 or more, but got {content[key]!r}"
        for key in ("folds", "seeds")
        if key in content and not are_numbers(content[key])
    ]


def are_numbers(value: object) -> bool:
    """Whether a value is a list of different whole numbers >= 0, at least one."""
    return (
        isinstance(value, list)
        and bool(value)
        and all(type(each) is int and each >= 0 for each in value)
        and len(set(value)) == len(value)
    )


def _unknown(content: Mapping[str, Any], known: tuple[str, ...], where: str) -> list[str]:
    faults = []
    for key in content:
        if key not in known:
            close = difflib.get_close_matches(str(key), known, n=1)
            faults.append(
                f"{where}: unknown key {key!r}; {f'did you mean {close[0]}?' if close else f'known: {known}'}"
            )
    return faults
