"""Files that are whole or not there, and files that are only read as data."""

from __future__ import annotations

import argparse
import hashlib
import os
import re
import secrets
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from os import getpid
from pathlib import Path
from typing import Any

import torch

from sansa_lightning.messages import plain

_REFUSED = "WeightsUnpickler error: "

PARTIAL = ".partial"
"""Ending of a file that is being written; one that is left over belongs to a run that was killed."""

_OWNED = re.compile(rf"\.(?P<name>.+)\.\d+-[0-9a-f]{{8}}{re.escape(PARTIAL)}", re.DOTALL)
"""Name of a file that :func:`replacing` is writing: whose place it takes, which process writes it, and how often."""

_LONGEST = 200
"""Bytes of a name that are repeated in the temporary one; file systems allow 255 in all."""


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A temporary name in the same folder that becomes ``path`` when the block ends well, and vanishes when not.

    It is another one each time, so that nobody takes away or goes on with what somebody else is writing.
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
    """What processes that were killed in :func:`replacing` have left in a folder, or others are writing at this moment.

    Args:
        folder: not those within it.
        name: of the file that was to be replaced; None for any.
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


def read_tensors(path: Path) -> dict[str, Any]:
    """The content of a .pt / .pth / .ckpt or .safetensors file, without running any code from it.

    Raises:
        FileNotFoundError: no such file.
        ValueError: not such a file, truncated, or it holds more than tensors, containers and settings.
    """
    if not path.is_file():
        msg = f"{path} is not a file"
        raise FileNotFoundError(msg)
    content = _read_safetensors(path) if path.suffix == ".safetensors" else _read_pickled_tensors(path)
    if not isinstance(content, dict):
        msg = f"{path}: expected a dictionary of tensors, but got {type(content).__name__}"
        raise ValueError(msg)
    return content


def _read_safetensors(path: Path) -> dict[str, Any]:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return dict(load_file(path))
    except SafetensorError as error:
        msg = f"{path} cannot be read as a safetensors file: {error}"
        raise ValueError(msg) from error


def _reason(error: Exception) -> str:
    """The line that says what is wrong; torch puts advice before it to run the file's code."""
    text = str(error)
    reason = text.partition(_REFUSED)[2].partition(" Please use ")[0].strip() or text
    return plain((reason.splitlines() or [type(error).__name__])[0])


def _check_sums(path: Path) -> None:
    """Compare the checksums in a file of today's layout, which torch writes but does not read."""
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            damaged = archive.testzip()
        if damaged is not None:
            msg = f"its part {damaged} is damaged (checksum)"
            raise ValueError(msg)


def _read_pickled_tensors(path: Path) -> Any:
    # Published adapter files carry their training settings as a Namespace (spec 2.2).
    with torch.serialization.safe_globals([argparse.Namespace]):
        try:
            _check_sums(path)
            return torch.load(path, map_location="cpu", weights_only=True)
        except Exception as error:  # a damaged pickle raises anything, from struct.error to AssertionError
            msg = f"{path} cannot be read as a file of tensors: {_reason(error)}"
            raise ValueError(msg) from error
