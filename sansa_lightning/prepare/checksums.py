"""Checksums of fetched files: published ones, and those recorded at the first download."""

from __future__ import annotations

import hashlib
from pathlib import Path

from sansa_lightning.data.formats.text_lists import read_lines
from sansa_lightning.files.whole import sha256_of, write_text

LOCK = ".sha256"
"""Ending of the file beside a fetched one with the checksum of the first download, in sha256sum's format."""


def check(path: Path, checksum: str, name: str) -> None:
    """Compare a file with a published checksum.

    Args:
        path: the file.
        checksum: ``<algorithm>:<hexadecimal>``.
        name: of the file in the error.

    Raises:
        ValueError: the checksums differ.
    """
    algorithm, _, expected = checksum.partition(":")
    with path.open("rb") as file:
        found = hashlib.file_digest(file, algorithm).hexdigest()
    if found != expected:
        msg = f"{name}: expected {algorithm} {expected} as published, but got {found}"
        raise ValueError(msg)


def recorded(path: Path) -> str | None:
    """The SHA-256 in a file's lock; None without a lock.

    Raises:
        ValueError: the lock is not a line ``<64 hexadecimal digits>  <name>``.
    """
    lock = lock_of(path)
    if not lock.is_file():
        return None
    words = " ".join(read_lines(lock, "a SHA-256 and a file name")).split()
    if len(words) != 2 or len(words[0]) != 64 or set(words[0]) - set("0123456789abcdef"):
        msg = f"{lock}: expected a line with a SHA-256 and a file name; remove it to trust {path.name} as it is"
        raise ValueError(msg)
    return words[0]


def record_or_compare(content: Path, path: Path) -> bool:
    """Record the SHA-256 of a file fetched as ``path``, or compare it with the recorded one.

    Args:
        content: the file to read, perhaps still under a temporary name.
        path: its final name; the lock is beside it.

    Returns:
        Whether it was recorded now.

    Raises:
        ValueError: it differs from the recorded one.
    """
    known, found = recorded(path), sha256_of(content)
    if known is None:
        write_text(lock_of(path), f"{found}  {path.name}\n")
        return True
    if known != found:
        msg = (
            f"{path}: expected sha256 {known} as recorded in {lock_of(path).name} at the first download, but got "
            f"{found}; if the publisher has replaced the file, remove the record"
        )
        raise ValueError(msg)
    return False


def lock_of(path: Path) -> Path:
    """The lock beside a file."""
    return path.with_name(path.name + LOCK)
