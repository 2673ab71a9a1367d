"""Table files: rows and their changes, folds and seeds, and the places of the paper's numbers."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sansa_lightning.cli.yaml_files import read_yaml
from sansa_lightning.files.shipped import located
from sansa_lightning.report.paper import published
from sansa_lightning.trackers.zoo import BASES

TABLE_KEYS = ("title", "experiment", "adjust", "folds", "seeds", "in_domain", "paper", "rows")
ROW_KEYS = ("name", "config", "set", "paper")
PAPER_KEYS = ("block", "base", "columns")
SCORES = ("miou", "in_domain", "params_m")
"""The paper's possible values of a row: scores in percent, and millions of trained parameters."""


@dataclass(frozen=True)
class Row:
    """One row of a table.

    Attributes:
        name: heading, unique in the table.
        files: configuration files, later ones win.
        settings: dotted keys and their values, on top of the files.
        paper: the paper's values, by names of ``SCORES``; None if it prints nothing.
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
        title: of the table.
        experiment: configuration file that the rows change.
        adjust: file with strategies' settings for that experiment, see ``adjustment`` in ``expand``.
        folds: of the protocol.
        seeds: of training.
        in_domain: whether the trained models are also scored on their training classes.
        paper_base: base of the paper's numbers; None if each row has its own.
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
        """The file's name without its ending, which also names the table's result files."""
        return self.path.stem


def read_table(path: Path) -> tuple[Table | None, list[str]]:
    """A table, and the faults of its file, one line for each.

    A faulty table keeps its sound entries, so that its rows can be checked too; it is None if no row can be. Faulty
    entries are replaced: by fold and seed 0, no adjustment, and no values of the paper.

    Args:
        path: YAML; the files in it are relative to its folder, or if they are not there the package's own.
    """
    if not path.is_file():
        return None, [f"table {path} is not there"]
    try:
        content = read_yaml(path, "table")
    except ValueError as error:
        return None, [str(error)]
    faults = _unknown(content, TABLE_KEYS, str(path))
    faults += [f"{path}: {key} is missing" for key in ("title", "experiment", "rows") if key not in content]
    wrong = _wrong_values(content)
    faults += [f"{path}: {key}: expected {expected}, but got {content[key]!r}" for key, expected in wrong.items()]
    sound = {key: value for key, value in content.items() if key not in wrong}
    if "paper" in content and (wrong_paper := _paper_faults(content["paper"], str(path))):
        faults, sound["paper"] = [*faults, *wrong_paper], {}
    rows = _rows(sound, path, faults)
    experiment, adjust = (_file(sound.get(key), path, str(path), faults) for key in ("experiment", "adjust"))
    if experiment is None:
        return None, faults
    return Table(
        path=path,
        title=sound.get("title", path.stem),
        experiment=experiment,
        adjust=adjust,
        folds=(0,) if "folds" in wrong else tuple(sound.get("folds", (0, 1, 2, 3))),
        seeds=tuple(sound.get("seeds", (0,))),
        in_domain=sound.get("in_domain", False),
        paper_base=sound.get("paper", {}).get("base"),
        rows=tuple(rows),
    ), faults


def _wrong_values(content: Mapping[str, Any]) -> dict[str, str]:
    """Keys of a table with values of the wrong type, and the expected types."""
    expected: dict[str, tuple[Callable[[Any], bool], str]] = {
        "title": (_is_text, "a text"),
        "experiment": (_is_text, "a file"),
        "adjust": (lambda value: value is None or _is_text(value), "a file"),
        "folds": (are_numbers, "a list of different numbers, 0 or more"),
        "seeds": (are_numbers, "a list of different numbers, 0 or more"),
        "in_domain": (lambda value: isinstance(value, bool), "true or false"),
    }
    return {key: words for key, (holds, words) in expected.items() if key in content and not holds(content[key])}


def _is_text(value: object) -> bool:
    return isinstance(value, str) and bool(value.strip())


def _paper_faults(paper: Any, where: str) -> list[str]:
    """Faults of a table's reference to the paper; the numbers themselves are looked up for each row."""
    if not isinstance(paper, dict):
        return [f"{where}: paper: expected a mapping of {', '.join(PAPER_KEYS)}, but got {paper!r}"]
    block, base, columns = paper.get("block"), paper.get("base"), paper.get("columns")
    faults = _unknown(paper, PAPER_KEYS, f"{where}: paper")
    if not _is_text(block):
        faults.append(f"{where}: paper.block: expected a table of the paper, but got {block!r}")
    if base not in (None, *BASES):
        faults.append(f"{where}: paper.base: expected one of {', '.join(BASES)}, but got {base!r}")
    if not isinstance(columns, dict) or not all(map(_is_text, columns.values())):
        faults.append(f"{where}: paper.columns: expected scores with the paper's names for them, but got {columns!r}")
        return faults
    return faults + _unknown(columns, SCORES, f"{where}: paper.columns")


def _rows(content: Mapping[str, Any], path: Path, faults: list[str]) -> list[Row]:
    """The sound rows."""
    entries = _entries(content, path, faults)
    names = [entry["name"] for entry in entries]
    faults += [
        f"{path}: {names.count(name)} rows are named {name!r}" for name in dict.fromkeys(names) if names.count(name) > 1
    ]
    rows = [_row(entry, content, path, faults) for entry in entries]
    return [row for row in rows if row is not None]


def _entries(content: Mapping[str, Any], path: Path, faults: list[str]) -> list[dict[str, Any]]:
    entries = content.get("rows", [{}])
    if not isinstance(entries, list) or not entries or not all(isinstance(entry, dict) for entry in entries):
        faults.append(f"{path}: rows: expected a list of mappings with at least a name, but got {entries!r}")
        return []
    named = [entry for entry in entries if isinstance(entry.get("name"), str)]
    if "rows" in content and len(named) < len(entries):
        faults.append(f"{path}: {len(entries) - len(named)} of {len(entries)} rows have no name (as text)")
    return named


def _row(entry: Mapping[str, Any], content: Mapping[str, Any], path: Path, faults: list[str]) -> Row | None:
    """A row; None if it cannot be checked further, since one of its configuration files is missing."""
    where = f"{path}, row {entry['name']!r}"
    faults += _unknown(entry, ROW_KEYS, where)
    given = entry.get("config", [])
    listed = given if isinstance(given, list) else [given]
    listed = [each for each in listed if each is not None]
    files = [file for each in listed if (file := _file(each, path, where, faults)) is not None]
    settings, paper = entry.get("set", {}), _paper(entry, content, where, faults)
    if not isinstance(settings, dict) or not all(map(_is_text, settings)):
        faults.append(f"{where}: set: expected dotted keys with values, but got {settings!r}")
        return None
    return Row(entry["name"], tuple(files), settings, paper) if len(files) == len(listed) else None


def _paper(
    entry: Mapping[str, Any], content: Mapping[str, Any], where: str, faults: list[str]
) -> dict[str, float | None]:
    block, row = content.get("paper"), entry.get("paper")
    if row is None:
        return {}
    if not isinstance(row, dict):
        faults.append(f"{where}: paper: expected a mapping that singles out a row of the paper, but got {row!r}")
        return {}
    if block is None:
        faults.append(f"{where}: paper: the table itself has none; expected a mapping of {', '.join(PAPER_KEYS)} there")
    if not block:
        return {}
    try:
        return {score: published(block["block"], row, column) for score, column in block["columns"].items()}
    except ValueError as error:
        faults.append(f"{where}: {error}")
        return {}


def _file(given: Any, path: Path, where: str, faults: list[str]) -> Path | None:
    if given is None:
        return None
    file = located(str(given), path.parent)
    if file.is_file():
        return file
    faults.append(f"{where}: file {given} is not there (looked for {file})")
    return None


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
