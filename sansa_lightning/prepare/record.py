"""Records what an archive gave, so that it is known later what is missing or was changed."""

from __future__ import annotations

import os
import re
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path

from sansa_lightning.data.formats.text_lists import read_lines
from sansa_lightning.files.whole import write_text

RECORD = ".unpacked"
"""Ending of the file beside an archive's place that lists what it gave: a line ``<bytes> TAB <path>`` each."""

_BYTES = re.compile(r"[0-9]{1,18}")
"""A number of bytes; other digits than these, such as a raised 2, are digits as well, but no number."""


def write_record(archive: Path, given: Mapping[str, int]) -> None:
    """Write the record of an archive, whose own file may be removed after that.

    Args:
        archive: the archive.
        given: path below the root -> bytes.
    """
    write_text(record_of(archive), "".join(f"{size}\t{path}\n" for path, size in given.items()))


def read_record(archive: Path) -> dict[str, int] | None:
    """Path below the root -> bytes, of what an archive gave; None if there is no record.

    Raises:
        ValueError: the record is damaged.
    """
    record = record_of(archive)
    if not record.is_file():
        return None
    from sansa_lightning.data.formats.picture_files import below  # imports torch

    given: dict[str, int] = {}
    for number, line in enumerate(read_lines(record, "what an archive gave"), 1):
        size, _, path = line.partition("\t")
        where = f"{record}, line {number}"
        if not _BYTES.fullmatch(size):
            msg = f"{where}: expected <bytes> TAB <path>, but got {line[:60]!r}; remove the file to unpack again"
            raise ValueError(msg)
        given[below(where, path)] = int(size)
    return given


def changed(root: Path, given: Mapping[str, int]) -> list[str]:
    """Those of an archive's files that are missing or have another size, found by listing each folder once."""
    folders: dict[Path, dict[str, str]] = defaultdict(dict)
    for path in given:
        folders[(root / path).parent][Path(path).name] = path
    found: list[str] = []
    for folder, names in folders.items():
        there = list(os.scandir(folder)) if folder.is_dir() else []
        sizes = {entry.name: entry.stat().st_size for entry in there if entry.name in names and entry.is_file()}
        found += [path for name, path in names.items() if sizes.get(name) != given[path]]
    return found


def record_of(archive: Path) -> Path:
    """The record beside an archive."""
    return archive.with_name(archive.name + RECORD)
