"""Files that are whole or not there, and files that are only read as data."""

from __future__ import annotations

import argparse
import hashlib
import os
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from sansa_lightning.messages import plain

_REFUSED = "WeightsUnpickler error: "

PARTIAL = ".partial"
"""Ending of a file that is being written; one that is left over belongs to a run that was killed."""


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A temporary name in the same folder that becomes ``path`` when the block ends well, and vanishes when not."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}{PARTIAL}")
    try:
        yield partial
        with partial.open("rb+") as file:
            os.fsync(file.fileno())
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


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
