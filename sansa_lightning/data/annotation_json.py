"""Annotation files in JSON, with every entry checked before it is used."""

from __future__ import annotations

import json
from collections.abc import Collection
from pathlib import Path
from typing import Any

from sansa_lightning.data.picture_files import below
from sansa_lightning.data.run_lengths import LARGEST_SIDE

Entry = dict[str, Any]


def read_json(path: Path, what: str) -> Any:
    """The content of a JSON file.

    Args:
        path: of the file.
        what: it should be, for the error.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is not JSON.
    """
    if not path.is_file():
        msg = f"{path} is not there; expected {what}"
        raise FileNotFoundError(msg)
    try:
        with path.open(encoding="utf-8") as file:
            return json.load(file)
    except (ValueError, RecursionError) as error:
        msg = f"{path} is not valid JSON (truncated?): {error}"
        raise ValueError(msg) from error


def entries(path: Path, content: Any, group: str, needed: Collection[str]) -> list[Entry]:
    """A list of the file's entries, each with the ``needed`` keys.

    Raises:
        ValueError: there is no such list, or an entry lacks a key; names it.
    """
    found = content.get(group) if isinstance(content, dict) else None
    if not isinstance(found, list):
        msg = f"{path}: expected a JSON object with a list {group!r}"
        raise ValueError(msg)
    for position, entry in enumerate(found):
        lacking = sorted(set(needed) - set(entry)) if isinstance(entry, dict) else sorted(needed)
        if lacking:
            msg = f"{path}: {group}[{position}] has no {', '.join(lacking)}"
            raise ValueError(msg)
    return found


def by_id(path: Path, group: str, found: list[Entry]) -> dict[int, Entry]:
    """The entries by their ids.

    Raises:
        ValueError: an id is not a number, or there twice.
    """
    table: dict[int, Entry] = {}
    for entry in found:
        if type(entry["id"]) is not int or entry["id"] in table:
            msg = f"{path}: expected each id in {group} to be a number and there once, but got {entry['id']!r}"
            raise ValueError(msg)
        table[entry["id"]] = entry
    return table


def look_up(where: str, entry: Entry, key: str, table: dict[int, Any], listed: str) -> Any:
    """What an entry's ``key`` refers to.

    Raises:
        ValueError: nothing; names the entry.
    """
    if type(entry[key]) is not int or entry[key] not in table:
        msg = f"{where} has {key} {entry[key]!r}, which is not in the file's {listed}"
        raise ValueError(msg)
    return table[entry[key]]


def image_size(path: Path, image: Entry) -> tuple[int, int]:
    """(H, W) of an image's entry, pixels.

    Raises:
        ValueError: not two integers of 1 to ``LARGEST_SIDE``.
    """
    height, width = image["height"], image["width"]
    if not all(type(side) is int and 0 < side <= LARGEST_SIDE for side in (height, width)):
        msg = f"{path}: image {image['id']}: expected height and width in pixels, but got {height!r} and {width!r}"
        raise ValueError(msg)
    return height, width


def image_file(path: Path, image: Entry) -> str:
    """``<folder>/<file>`` of an image of COCO, which LVIS and PACO name by address or by file.

    Raises:
        ValueError: it has neither.
    """
    named = image.get("coco_url") or image.get("file_name")
    return below(f"{path}: image {image['id']}, coco_url or file_name", named, parts=2)
