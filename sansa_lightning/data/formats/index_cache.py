"""A cache of the content of large annotation files, in files that processes map and share.

The files are in the folder ``indices`` below ``SANSA_CACHE``, or below ``~/.cache/sansa_lightning``; nothing is ever
written to the datasets' own folders. Any of the files may be deleted at any time.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Protocol, Self, TypeVar

import numpy as np
from lightning.pytorch.utilities import rank_zero_info, rank_zero_warn
from numpy.typing import NDArray

from sansa_lightning.files.whole import left_over, replacing, sha256_of, write_text

CACHE_VARIABLE = "SANSA_CACHE"
"""Environment variable: the folder of all files that can be made again."""

VERSION = 4
"""Of the content of indices; raise it with any change to how annotations are read."""

LEAST_BYTES = 1 << 20
"""Annotation files below this size are read again each time, which takes no longer."""

_UNSETTLED = 2.0
"""Seconds after a change in which a second change might leave size and time as they are."""

Arrays = Mapping[str, NDArray[Any]]


class Table(Protocol):
    """Anything that consists of arrays, and so can be cached."""

    def arrays(self) -> dict[str, NDArray[Any]]:
        """All of its content."""

    @classmethod
    def of_arrays(cls, arrays: Arrays, kept: Path | None) -> Self:
        """The table of these arrays, which are in the file ``kept``."""


T = TypeVar("T", bound=Table)


def cache_folder() -> Path:
    """``SANSA_CACHE``, else ``~/.cache/sansa_lightning``.

    Raises:
        OSError: this user has no home folder.
    """
    given = os.environ.get(CACHE_VARIABLE)
    try:
        return Path(given) if given else Path.home() / ".cache" / "sansa_lightning"
    except RuntimeError as error:
        msg = f"{error}; set {CACHE_VARIABLE}"
        raise OSError(msg) from error


def cached(path: Path, kind: str, table: type[T], read: Callable[[Path], T]) -> T:
    """The result of ``read`` for an annotation file, from the cache if it was read before.

    An index belongs to the content of the file, its kind and :data:`VERSION`. A file whose size and times are those
    of the last reading counts as unchanged; otherwise its hash decides. A damaged index is built again. Only one
    process of a machine builds; others wait for it.

    Args:
        path: of the annotation file.
        kind: the reader, and whatever else the result depends on; it becomes part of a file name.
        table: type of the result.
        read: reads the file, if it exists and is well formed.

    Raises:
        FileNotFoundError: see ``read``.
        ValueError: see ``read``.
    """
    if not path.is_file() or path.stat().st_size < LEAST_BYTES:
        return read(path)
    try:
        folder = cache_folder() / "indices"
        before = _stamp(path)
        kept = folder / f"{kind}-v{VERSION}-{_content_hash(path, folder)[:32]}.safetensors"
        found = opened(table, kept)
    except OSError as error:
        rank_zero_warn(f"{path} is read again each time, since there is no cache folder: {error}")
        return read(path)
    if found is not None:
        return found
    with alone(kept) as locked:
        for leaving in left_over(folder, kept.name) if locked else ():  # by killed processes
            leaving.unlink(missing_ok=True)
        found = opened(table, kept)
        if found is not None:
            return found
        rank_zero_info(f"reading {path}, once; its index is kept in {kept}")
        built = read(path)
        if _stamp(path) != before:
            return built
        try:
            _write(kept, built)
        except OSError as error:
            rank_zero_warn(f"{path} will be read again each time, since {kept} cannot be written: {error}")
            return built
    return opened(table, kept) or built


def opened(table: type[T], kept: Path) -> T | None:
    """The table in a file, its arrays mapped and read-only; None if the file is missing or incomplete."""
    from safetensors import SafetensorError, safe_open

    if not kept.is_file():
        return None
    try:
        with safe_open(kept, framework="pt") as file:
            arrays = {name: file.get_tensor(name).numpy() for name in file.keys()}  # noqa: SIM118 - no mapping
            recorded = (file.metadata() or {}).get("sha256")
        if recorded != _digest(kept):
            return None
        for array in arrays.values():
            array.flags.writeable = False
        return table.of_arrays(arrays, kept)
    except (SafetensorError, KeyError, ValueError):
        return None


def reopened(table: type[T], kept: Path) -> T:
    """:func:`opened`, for a file that must exist; called in a worker that receives a table.

    Raises:
        FileNotFoundError: the file has vanished or been damaged since.
    """
    found = opened(table, kept)
    if found is None:
        msg = f"{kept} has vanished or been damaged; expected it to stay during a run"
        raise FileNotFoundError(msg)
    return found


def to_bytes(content: Any) -> NDArray[np.uint8]:
    """Names and the like, as JSON in an array."""
    return np.frombuffer(json.dumps(content, separators=(",", ":")).encode(), np.uint8)


def of_bytes(array: NDArray[np.uint8]) -> Any:
    """The inverse of :func:`to_bytes`; tuples have become lists."""
    return json.loads(array.tobytes())


def _write(kept: Path, table: Table) -> None:
    import torch
    from safetensors.torch import save_file

    # Copies, since torch warns of read-only arrays.
    tensors = {name: torch.from_numpy(array.copy()) for name, array in table.arrays().items()}
    with replacing(kept) as partial:
        save_file(tensors, partial)
        save_file(tensors, partial, metadata={"sha256": _digest(partial)})


def _digest(path: Path) -> str:
    """Hash of a safetensors file without its metadata; read in pieces, since touched pages of a map count as memory."""
    with path.open("rb") as file:
        header = json.loads(file.read(int.from_bytes(file.read(8), "little")))
        header.pop("__metadata__", None)
        digest = hashlib.sha256(json.dumps(header, sort_keys=True).encode())
        while piece := file.read(1 << 20):
            digest.update(piece)
    return digest.hexdigest()


def _content_hash(path: Path, folder: Path) -> str:
    """SHA-256 of a file's content; the one noted last time, if the file has not changed since."""
    note = folder / "files" / f"{hashlib.sha256(str(path.resolve()).encode()).hexdigest()[:32]}.json"
    stamp = _stamp(path)
    try:
        known = json.loads(note.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        known = None
    if isinstance(known, dict) and known.get("stamp") == stamp and isinstance(known.get("sha256"), str):
        return str(known["sha256"])
    content = sha256_of(path)
    newest = max(stamp[1:]) / 1e9
    if _stamp(path) == stamp and abs(time.time() - newest) > _UNSETTLED:
        with suppress(OSError):  # hashed again next time; the index may still be readable
            write_text(note, json.dumps({"path": str(path.resolve()), "stamp": stamp, "sha256": content}))
    return content


def _stamp(path: Path) -> list[int]:
    """Size, and the times of the last change of content and of metadata, nanoseconds."""
    stat = path.stat()
    return [stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns]


@contextmanager
def alone(kept: Path) -> Iterator[bool]:
    """Let one process at a time make the file ``kept``; gives False where files cannot be locked and all may."""
    from filelock import FileLock

    lock = FileLock(kept.with_suffix(".lock"))
    try:
        kept.parent.mkdir(parents=True, exist_ok=True)
        lock.acquire()
    except (OSError, NotImplementedError):
        yield False
        return
    try:
        yield True
    finally:
        lock.release()
