"""Annotation files in JSON, with every entry checked before it is used."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from sansa_lightning.data.json_stream import json_members
from sansa_lightning.data.picture_files import below
from sansa_lightning.data.run_lengths import is_size
from sansa_lightning.messages import brief

Entry = dict[str, Any]
ANNOTATIONS = "annotations"
"""The list that is nearly all of an annotation file."""


def read_json(path: Path, what: str) -> Any:
    """The content of a JSON file.

    Args:
        path: of the file.
        what: it should be, for the error.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is not JSON.
    """
    _check_there(path, what)
    try:
        with path.open(encoding="utf-8") as file:
            return json.load(file)
    except (ValueError, RecursionError) as error:
        raise _invalid(path, error) from error


class AnnotationFile:
    """A JSON object of lists, of which ``annotations``, nearly all of the file, is never in memory as a whole.

    Args:
        path: of the file.
        what: it should be, for the error.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is not JSON, or has a key twice, of which readers take one or the other.
    """

    def __init__(self, path: Path, what: str) -> None:
        _check_there(path, what)
        self.path = path
        try:
            members = list(json_members(path, ANNOTATIONS))
        except (ValueError, RecursionError) as error:
            raise _invalid(path, error) from error
        self._members = dict(members)
        if len(self._members) != len(members):
            twice = Counter(key for key, _ in members).most_common(1)[0][0]
            msg = f"{path}: expected each key at the top once, but {brief(twice)} is there twice"
            raise ValueError(msg)

    def entries(self, group: str, needed: Collection[str]) -> list[Entry]:
        """One of the short lists; see :func:`entries`."""
        return entries(self.path, self._members, group, needed)

    def annotations(self, needed: Collection[str]) -> Iterator[Entry]:
        """The entries of the long list, one at a time, each with the ``needed`` keys; reads the file anew.

        Raises:
            ValueError: there is no such list, or an entry lacks a key; names it.
        """
        if not isinstance(self._members.get(ANNOTATIONS), Iterator):
            raise _no_list(self.path, ANNOTATIONS)
        keys = set(needed)
        for key, found in json_members(self.path, ANNOTATIONS):
            if key == ANNOTATIONS:
                for position, entry in enumerate(found):
                    _check_entry(self.path, ANNOTATIONS, position, entry, keys)
                    yield entry
                return


def entries(path: Path, content: Any, group: str, needed: Collection[str]) -> list[Entry]:
    """A list of the file's entries, each with the ``needed`` keys.

    Raises:
        ValueError: there is no such list, or an entry lacks a key; names it.
    """
    found = content.get(group) if isinstance(content, dict) else None
    if not isinstance(found, list):
        raise _no_list(path, group)
    for position, entry in enumerate(found):
        _check_entry(path, group, position, entry, set(needed))
    return found


def by_id(path: Path, group: str, found: Iterable[Entry]) -> dict[int, Entry]:
    """The entries by their ids.

    Raises:
        ValueError: an id is not a number, or there twice.
    """
    table: dict[int, Entry] = {}
    for entry in found:
        if type(entry["id"]) is not int or entry["id"] in table:
            msg = f"{path}: expected each id in {group} to be a number and there once, but got {brief(entry['id'])}"
            raise ValueError(msg)
        table[entry["id"]] = entry
    return table


def places(path: Path, group: str, found: Iterable[Entry]) -> dict[int, int]:
    """The places of the entries by their ids.

    Raises:
        ValueError: see :func:`by_id`.
    """
    return {number: place for place, number in enumerate(by_id(path, group, found))}


def category_names(content: AnnotationFile) -> dict[int, str]:
    """The names of the file's categories by their ids.

    Raises:
        ValueError: there are none, or an id or name is not one; names it.
    """
    categories = by_id(content.path, "categories", content.entries("categories", ("id", "name")))
    if not categories:
        msg = f"{content.path}: expected at least one category, but 'categories' is empty"
        raise ValueError(msg)
    for number, category in categories.items():
        if not isinstance(category["name"], str) or not category["name"].strip():
            msg = f"{content.path}: expected category {number} to have a name, but got {brief(category['name'])}"
            raise ValueError(msg)
    return {number: category["name"] for number, category in categories.items()}


def look_up(where: str, entry: Entry, key: str, table: dict[int, Any], listed: str) -> Any:
    """What an entry's ``key`` refers to.

    Raises:
        ValueError: nothing; names the entry.
    """
    if type(entry[key]) is not int or entry[key] not in table:
        msg = f"{where} has {key} {brief(entry[key])}, which is not in the file's {listed}"
        raise ValueError(msg)
    return table[entry[key]]


def image_size(path: Path, image: Entry) -> tuple[int, int]:
    """(H, W) of an image's entry, pixels.

    Raises:
        ValueError: not two integers within the limits of ``is_size``.
    """
    height, width = image["height"], image["width"]
    if not is_size(height, width):
        got = f"{brief(height)} and {brief(width)}"
        msg = f"{path}: image {image['id']}: expected height and width in pixels, but got {got}"
        raise ValueError(msg)
    return height, width


def image_file(path: Path, image: Entry) -> str:
    """``<folder>/<file>`` of an image of COCO, which LVIS and PACO name by address or by file.

    Raises:
        ValueError: it has neither.
    """
    named = image.get("coco_url") or image.get("file_name")
    return below(f"{path}: image {image['id']}, coco_url or file_name", named, parts=2)


def image_files(path: Path, images: Sequence[Entry]) -> list[str]:
    """:func:`image_file` of each image.

    Raises:
        ValueError: two images have the same one.
    """
    files = [image_file(path, image) for image in images]
    check_once(path, "picture", files)
    return files


def check_once(path: Path, what: str, names: Sequence[str]) -> None:
    """Check that no name is there twice.

    Raises:
        ValueError: one is; names it.
    """
    if len(set(names)) != len(names):
        twice = Counter(names).most_common(1)[0][0]
        msg = f"{path}: expected each {what} in images once, but {twice!r} is there twice"
        raise ValueError(msg)


def _check_there(path: Path, what: str) -> None:
    if not path.is_file():
        msg = f"{path} is not there; expected {what}"
        raise FileNotFoundError(msg)


def _check_entry(path: Path, group: str, position: int, entry: Any, needed: set[str]) -> None:
    if not isinstance(entry, dict) or not entry.keys() >= needed:
        lacking = sorted(needed - set(entry)) if isinstance(entry, dict) else sorted(needed)
        msg = f"{path}: {group}[{position}] has no {', '.join(lacking)}"
        raise ValueError(msg)
    if "id" in needed and type(entry["id"]) is not int:
        msg = f"{path}: expected the id of {group}[{position}] to be a number, but got {brief(entry['id'])}"
        raise ValueError(msg)


def _invalid(path: Path, error: Exception) -> ValueError:
    return ValueError(f"{path} is not valid JSON (truncated?): {error}")


def _no_list(path: Path, group: str) -> ValueError:
    return ValueError(f"{path}: expected a JSON object with a list {group!r}")
