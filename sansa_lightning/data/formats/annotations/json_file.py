"""Annotation files in JSON: their lists, and errors for files that are not JSON."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

from sansa_lightning.data.formats.annotations.json_stream import encoding_of, json_members
from sansa_lightning.files.messages import brief

Entry = dict[str, Any]
ANNOTATIONS = "annotations"
"""The list that is nearly all of an annotation file."""


def read_json(path: Path, what: str) -> Any:
    """The content of a JSON file.

    Args:
        path: of the file.
        what: the expected content, for the error.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is not JSON.
    """
    _check_there(path, what)
    try:
        with path.open(encoding=encoding_of(path)) as file:
            return json.load(file)
    except (ValueError, RecursionError) as error:
        raise _invalid(path, error) from error


class AnnotationFile:
    """A JSON object of lists; ``annotations``, nearly all of the file, is never in memory as a whole.

    Args:
        path: of the file.
        what: the expected content, for the error.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is not JSON, or has a key twice, where readers differ in which one they take.
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
            msg = f"{path}: expected each key at the top once, but {brief(twice)} occurs twice"
            raise ValueError(msg)

    def listed(self, group: str) -> list[Any]:
        """One of the short lists, its entries unchecked.

        Raises:
            ValueError: there is no such list.
        """
        found = self._members.get(group)
        if not isinstance(found, list):
            raise _no_list(self.path, group)
        return found

    def annotations(self) -> Iterator[Any]:
        """The entries of the long list, unchecked, one at a time; reads the file again.

        Raises:
            ValueError: there is no such list.
        """
        if not isinstance(self._members.get(ANNOTATIONS), Iterator):
            raise _no_list(self.path, ANNOTATIONS)
        for key, found in json_members(self.path, ANNOTATIONS):
            if key == ANNOTATIONS:
                yield from found
                return


def entries(path: Path, content: Any, group: str, needed: Collection[str]) -> list[Entry]:
    """A list of the file's entries, each with the ``needed`` keys.

    Raises:
        ValueError: there is no such list, or entries lack a key; names the first and says how many do.
    """
    found = content.get(group) if isinstance(content, dict) else None
    if not isinstance(found, list):
        raise _no_list(path, group)
    lacking = [place for place, entry in enumerate(found) if not isinstance(entry, dict) or not set(needed) <= {*entry}]
    if lacking:
        first = found[lacking[0]]
        keys = sorted(set(needed) - set(first)) if isinstance(first, dict) else sorted(needed)
        msg = f"{path}: {group}[{lacking[0]}] has no {', '.join(keys)}; {len(lacking)} of {len(found)} lack something"
        raise ValueError(msg)
    return found


def _check_there(path: Path, what: str) -> None:
    if not path.is_file():
        msg = f"{path} is not there; expected {what}"
        raise FileNotFoundError(msg)


def _invalid(path: Path, error: Exception) -> ValueError:
    return ValueError(f"{path} is not valid JSON (truncated?): {error}")


def _no_list(path: Path, group: str) -> ValueError:
    return ValueError(f"{path}: expected a JSON object with a list {group!r}")
