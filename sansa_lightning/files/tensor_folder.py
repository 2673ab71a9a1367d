"""A folder of tensors by key, of limited size, which several processes may share."""

from __future__ import annotations

import hashlib
import logging
import os
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import torch
from torch import Tensor

from sansa_lightning.files.messages import one_line
from sansa_lightning.files.whole import left_over, replacing

log = logging.getLogger(__name__)

ENDING = ".safetensors"
CHECKSUM = "sha256"
"""Key of the checksum in an entry's metadata."""

LOW_WATER = 0.9
"""Share of the limit down to which a full folder is emptied."""

LOOKS = 64
"""Entries that a process writes until it counts again: others write, too."""

ABANDONED = 3600.0
"""Seconds after which a partial file belongs to a killed process."""


class TensorFolder:
    """Entries are written whole, checked by their SHA-256 when they are read, and the longest unread go first.

    Two processes that write one entry write the same; one that reads an entry while another deletes it misses it.

    Args:
        folder: made at the first entry.
        most_bytes: size of all entries; above it the ones that nobody has read for longest are deleted.

    Attributes:
        damaged: number of entries that were found damaged, and deleted.
    """

    def __init__(self, folder: Path, most_bytes: int) -> None:
        self.folder = folder
        self.most_bytes = most_bytes
        self.damaged = 0
        self._held = 0  # bytes, by this process's own count since it last looked
        self._written = 0
        self._writes = True

    def get(self, key: str) -> tuple[Tensor, ...] | None:
        """The tensors of an entry, on the CPU; None if it is not there or damaged."""
        path = self._path(key)
        try:
            found = _read(path)
        except OSError:  # not there, or a disk that fails
            return None
        except ValueError:
            self.damaged += 1
            with suppress(OSError):  # a folder that is only read
                path.unlink()
            return None
        with suppress(OSError):  # deleted meanwhile, or a folder that is only read
            os.utime(path)
        return found

    def put(self, key: str, tensors: Sequence[Tensor]) -> None:
        """Write an entry unless it is there; if the folder cannot be written to, say so once and go on without."""
        path = self._path(key)
        size = sum(tensor.nbytes for tensor in tensors)
        if not self._writes or size > self.most_bytes or path.exists():
            return
        try:
            _write(path, [tensor.detach().cpu().contiguous() for tensor in tensors])
            self._make_room(path.stat().st_size)
        except OSError as error:
            self._writes = False
            log.warning("%s: nothing more is kept there by this process: %s", self.folder, one_line(error))

    def _path(self, key: str) -> Path:
        return self.folder / key[:2] / f"{key}{ENDING}"  # file systems are slow with many names in one folder

    def _make_room(self, added: int) -> None:
        self._held += added
        if self._written % LOOKS == 0 or self._held > self.most_bytes:
            self._held = self._shrink()
        self._written += 1

    def _shrink(self) -> int:
        """Delete entries, if they are too many, and what killed processes left; the bytes that remain."""
        for part in self.folder.iterdir():
            for partial in left_over(part):
                if _age(partial) > ABANDONED:
                    partial.unlink(missing_ok=True)
        entries = sorted(filter(None, map(_entry, self.folder.glob(f"*/*{ENDING}"))))
        held = sum(size for _, size, _ in entries)
        wanted = held if held <= self.most_bytes else int(LOW_WATER * self.most_bytes)
        for _, size, path in entries:
            if held <= wanted:
                break
            path.unlink(missing_ok=True)
            held -= size
        return held


def _entry(path: Path) -> tuple[float, int, Path] | None:
    """When it was last read, its size and the file; None if another process has deleted it."""
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    return found.st_mtime, found.st_size, path


def _age(path: Path) -> float:
    """Seconds since it was written to; 0 if it is gone."""
    found = _entry(path)
    return 0.0 if found is None else time.time() - found[0]


def _write(path: Path, tensors: Sequence[Tensor]) -> None:
    from safetensors.torch import save_file

    with replacing(path) as partial:
        named = {str(number): tensor for number, tensor in enumerate(tensors)}
        save_file(named, partial, {CHECKSUM: checksum(tensors)})


def _read(path: Path) -> tuple[Tensor, ...]:
    """The tensors of a file.

    Raises:
        OSError: it is not there, or cannot be read.
        ValueError: it is damaged.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, "pt") as file:
            names = sorted(file.keys(), key=int)
            tensors = tuple(file.get_tensor(name) for name in names)
            told = (file.metadata() or {}).get(CHECKSUM)
    except (SafetensorError, KeyError, ValueError, RuntimeError) as error:
        msg = f"{path} cannot be read: {one_line(error)}"
        raise ValueError(msg) from error
    if told != checksum(tensors):
        msg = f"{path} is damaged: its content does not have its checksum"
        raise ValueError(msg)
    return tensors


def checksum(tensors: Sequence[Tensor]) -> str:
    """SHA-256 over number formats, shapes and bytes of tensors on the CPU, hexadecimal."""
    digest = hashlib.sha256()
    for tensor in tensors:
        digest.update(f"{tensor.dtype}{tuple(tensor.shape)}".encode())
        digest.update(tensor.contiguous().reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()
