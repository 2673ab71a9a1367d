"""Record the files of an archive, so that missing or changed ones are noticed later."""

from __future__ import annotations

import os
import re
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path

from sansa_lightning.data.formats.text_lists import read_lines
from sansa_lightning.files.whole import write_text

RECORD = ".unpacked"
"""Ending of the file beside an archive's place that lists its files, one line ``<bytes> TAB <path>`` for each."""

_BYTES = re.compile(r"[0-9]{1,18}")
"""A number of bytes; Python counts other characters as digits too, such as a superscript 2."""


def write_record(archive: Path, given: Mapping[str, int]) -> None:
    """Write the record of an archive, whose own file may be removed after that.

    Args:
        archive: the archive.
        given: path below the root -> bytes.
    """
    write_text(record_of(archive), "".join(f"{size}\t{path}\n" for path, size in given.items()))


def read_record(archive: Path) -> dict[str, int] | None:
    """The files of an archive, path below the root -> bytes; None if there is no record.

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
    """The files of an archive that are missing or have another size, found by listing each folder once."""
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
