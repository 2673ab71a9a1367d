"""Files that are written whole or not at all."""

from __future__ import annotations

import hashlib
import os
import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from os import getpid
from pathlib import Path

PARTIAL = ".partial"
"""Ending of a file that is being written; a killed run leaves it behind."""

_OWNED = re.compile(rf"\.(?P<name>.+)\.\d+-[0-9a-f]{{8}}{re.escape(PARTIAL)}", re.DOTALL)
"""Temporary name in :func:`replacing`: the name of the file to replace, the writing process, and a random number."""

_LONGEST = 200
"""Bytes of a name that the temporary name repeats; file systems allow 255 in all."""


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A temporary file in the same folder, which becomes ``path`` when the block succeeds and is deleted when it fails.

    Its name is different each time, so that two processes never write to, or delete, the same file.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    start = path.name.encode(errors="surrogateescape")[:_LONGEST].decode(errors="ignore")
    partial = path.with_name(f".{start}.{getpid()}-{secrets.token_hex(4)}{PARTIAL}")
    try:
        yield partial
        with partial.open("rb+") as file:
            os.fsync(file.fileno())
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def left_over(folder: Path, name: str | None = None) -> list[Path]:
    """The temporary files of :func:`replacing` in a folder: left by killed processes, or being written now.

    Args:
        folder: where to look; subfolders are not searched.
        name: the file that was to be replaced; None for any.
    """
    found = [(_OWNED.fullmatch(path.name), path) for path in sorted(folder.glob(f".*{PARTIAL}"))]
    return [path for match, path in found if match and name in (None, match["name"])]


def write_text(path: Path, text: str) -> None:
    """Write UTF-8 text to ``path``, whole or not at all."""
    with replacing(path) as partial:
        partial.write_text(text, encoding="utf-8")


def sha256_of(path: Path) -> str:
    """SHA-256 of a file's content, hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
