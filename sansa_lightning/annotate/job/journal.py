"""The journal of a job: a line for each finished group of pictures, so that a killed job goes on where it was."""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from sansa_lightning.files.messages import brief, plain
from sansa_lightning.runs.lock import HeldError, RunLock, take

ENDING = ".journal"
"""Of the folder beside the results, in which each shard has its file."""

PLURALS = ("references", "images", "polygons", "instances")
"""Of the names of what a job depends on."""

WAIT = 0.2
"""Seconds between two looks at a lock that another process holds."""

Line = dict[str, Any]


class Journal:
    """The file to which this process appends. A line that a killed process left half written is cut off.

    Args:
        folder: of the job's journals.
        name: of the file.
        job: what the results depend on, in plain values; all files of the folder have the same.

    Raises:
        ValueError: the folder belongs to a job with other options, or another process is writing this file.
        OSError: it cannot be written to.
    """

    def __init__(self, folder: Path, name: str, job: Mapping[str, Any]) -> None:
        self.path = folder / f"{name}.jsonl"
        folder.mkdir(parents=True, exist_ok=True)
        try:
            self._lock = take(folder / f"{name}.lock")
        except HeldError as error:
            msg = f"{folder}: another process does the same part of this job ({plain(str(error), 80)}); wait for it"
            raise ValueError(msg) from error
        try:
            for other in sorted(folder.glob("*.jsonl")):
                _check_same(other, folder, job)
            # Unbuffered: a line that was written survives this process.
            self._file = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o666)
            os.ftruncate(self._file, _whole_bytes(self.path))
            if not os.fstat(self._file).st_size:
                self.append({"job": job})
        except BaseException:
            self._lock.release()
            raise

    def append(self, line: Line) -> None:
        """Write a line.

        Raises:
            OSError: the disk is full, for instance.
        """
        rest = json.dumps(line, separators=(",", ":")).encode() + b"\n"
        while rest:
            rest = rest[os.write(self._file, rest) :]

    def __enter__(self) -> Self:
        """Keep it open."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Close the file and let others have it."""
        os.close(self._file)
        self._lock.release()


class Record:
    """The finished groups in all journals of a folder, by their number.

    Args:
        folder: of the journals.
        groups: number of groups of the job.

    Attributes:
        places: file and offset of the line of each finished group.
        missing: numbers of the others.

    Raises:
        FileNotFoundError: there is no such folder.
    """

    def __init__(self, folder: Path, groups: int) -> None:
        if not folder.is_dir():
            msg = f"{folder} is not there: another process has finished this job, or somebody has removed it"
            raise FileNotFoundError(msg)
        self.folder = folder
        self.places: dict[int, tuple[Path, int]] = {}
        for path in sorted(folder.glob("*.jsonl")):
            for offset, line in _lines(path):
                if "group" in line:
                    self.places.setdefault(line["group"], (path, offset))
        self.missing = [group for group in range(groups) if group not in self.places]

    def lines(self) -> Iterator[Line]:
        """The lines of all groups, in the order of their numbers; read one at a time.

        Raises:
            ValueError: groups are missing.
        """
        if self.missing:
            msg = f"{self.folder}: expected all groups of the job, but {len(self.missing)} are missing"
            raise ValueError(msg)
        for _, (path, offset) in sorted(self.places.items()):
            with path.open("rb") as file:
                file.seek(offset)
                yield json.loads(file.readline())


@contextmanager
def finishing(folder: Path, groups: int) -> Iterator[Record | None]:
    """The record of a job, for one process at a time; the others wait.

    Args:
        folder: of the journals.
        groups: number of groups of the job.

    Yields:
        The record, perhaps with groups missing; None if another process has finished the job and removed the folder.
    """
    lock = _turn(folder / "finish.lock")
    if lock is None:
        yield None
        return
    try:
        yield Record(folder, groups)
    finally:
        lock.release()


def _turn(path: Path) -> RunLock | None:
    """The lock, once nobody else has it; None if its folder is gone."""
    while True:
        with suppress(HeldError):
            try:
                return take(path)
            except FileNotFoundError:
                return None
        time.sleep(WAIT)


def discard(folder: Path) -> None:
    """Remove the journals of a finished job; to other processes they are gone at once."""
    away = folder.with_name(f".{folder.name}.{os.getpid()}")
    folder.rename(away)
    shutil.rmtree(away, ignore_errors=True)


def _lines(path: Path) -> Iterator[tuple[int, Line]]:
    """Offset and content of each whole line.

    Raises:
        ValueError: a line is no JSON; names it.
    """
    offset = 0
    with path.open("rb") as file:
        for number, text in enumerate(file, 1):
            if not text.endswith(b"\n"):
                return
            try:
                yield offset, json.loads(text)
            except ValueError as error:
                msg = f"{path}, line {number}: expected JSON, but got {brief(text)}; delete the file to begin anew"
                raise ValueError(msg) from error
            offset += len(text)


def _whole_bytes(path: Path) -> int:
    """Bytes up to the end of the last whole line."""
    content = path.read_bytes()
    return content.rfind(b"\n") + 1


def _check_same(path: Path, folder: Path, job: Mapping[str, Any]) -> None:
    """Check that a journal is of this job; one without a first line yet is of any."""
    for _, line in _lines(path):
        other = line.get("job", {})
        odd = [key for key in job if other.get(key) != job[key]]
        if odd:
            begun = "other" if odd[0] in PLURALS else "another"
            msg = (
                f"{folder} is of a job that was begun with {begun} {odd[0]}, {brief(other.get(odd[0]), 40)}, not "
                f"{brief(job[odd[0]], 40)}; use the same options to go on, another --out, or remove the folder"
            )
            raise ValueError(msg)
        return
