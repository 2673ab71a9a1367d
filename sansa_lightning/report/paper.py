"""The numbers printed in papers, from files of the package; this project measured none of them."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any

import yaml

SANSA = "paper_results.yaml"
NEIGHBOURS = "neighbour_results.yaml"
"""SANSA's own tables (arXiv 2505.21795), and those of other methods, a block for each protocol."""


@cache
def paper_results() -> dict[str, Any]:
    """The tables of all papers by their names, mIoU in percent."""
    return {**read(SANSA), **read(NEIGHBOURS)}


def read(name: str) -> dict[str, Any]:
    """The tables of one file."""
    content: dict[str, Any] = yaml.safe_load(files("sansa_lightning.report").joinpath(name).read_text(encoding="utf-8"))
    return content


def published(block: str, row: Mapping[str, Any], column: str) -> float | None:
    """One number of a paper; None if it prints none.

    >>> published("table4_adaptation", {"method": "SANSA"}, "in_domain")
    72.0

    Args:
        block: a table, or a dotted path to a section of one.
        row: keys and values that single out one of its rows.
        column: a key of the row, or the heading of one of its ``values``.

    Raises:
        ValueError: there is no such block, row or column, or several such rows.
    """
    table, rows = _block(block)
    found = [entry for entry in rows if all(entry.get(key, entry) == value for key, value in row.items())]
    if len(found) != 1:
        msg = f"{_file(block)}, {block}: expected one row with {dict(row)}, but got {len(found)} of {len(rows)}"
        raise ValueError(msg)
    if column in found[0]:
        value = found[0][column]
    elif column in table.get("columns", ()):
        value = found[0]["values"][table["columns"].index(column)]
    else:
        known = [*found[0], *table.get("columns", ())]
        msg = f"{_file(block)}, {block}: expected a column out of {', '.join(known)}, but got {column!r}"
        raise ValueError(msg)
    return None if value is None else float(value)


def _block(name: str) -> tuple[Mapping[str, Any], list[dict[str, Any]]]:
    """The table at the beginning of a name, and the rows to which the name leads."""
    table, _, part = name.partition(".")
    content = paper_results().get(table)
    rows = content.get(part or "rows") if isinstance(content, dict) else None
    if not isinstance(content, dict) or not isinstance(rows, list):
        msg = f"{_file(name)}: expected a table, or table.part, but got {name!r}"
        raise ValueError(msg)
    return content, rows


def _file(block: str) -> str:
    return NEIGHBOURS if block.startswith("neighbours") else SANSA
