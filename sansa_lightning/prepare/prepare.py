"""Get a benchmark's data: fetch, unpack and make missing files, and leave existing ones alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from filelock import FileLock, Timeout

from sansa_lightning.files.messages import one_line
from sansa_lightning.prepare.benchmark import Archive, Benchmark, File, Made, Remote, Step
from sansa_lightning.prepare.checksums import LOCK, check, record_or_compare
from sansa_lightning.prepare.download import Downloader
from sansa_lightning.prepare.plan import State, Task, archive_path, check_room, plan, task_of
from sansa_lightning.prepare.record import write_record
from sansa_lightning.prepare.unpack import unpack

_LOCK_FILE = ".prepare.lock"
_TOO_LARGE = 2
"""Largest permitted ratio of an archive's content to its expected size."""


@dataclass
class Preparation:
    """One run of ``prepare``.

    Attributes:
        benchmark: its data are prepared.
        root: the destination; made if it does not exist.
        remove_archives: whether to remove each fetched archive once it is unpacked.
        downloader: fetches files.
        say: takes a line for the reader.
        failed: the failed steps, filled by :meth:`run`.
        by_hand: the archives that a person has to download, filled by :meth:`run`.
    """

    benchmark: Benchmark
    root: Path
    remove_archives: bool = False
    downloader: Downloader = field(default_factory=Downloader)
    say: Callable[[str], None] = print
    failed: list[Step] = field(default_factory=list)
    by_hand: list[Archive] = field(default_factory=list)

    def run(self) -> None:
        """Take all steps; a failure is reported, and the next step is taken.

        Raises:
            ValueError: the disk is too small, or another process is at work in the same folder.
        """
        check_room(plan(self.benchmark, self.root), self.root, self.remove_archives)
        self.root.mkdir(parents=True, exist_ok=True)
        with _alone(self.root):
            for step in self.benchmark.steps:
                try:
                    task = task_of(step, self.root)  # only now: an earlier step may have made it unnecessary
                    self.say(str(task))
                    self._take(task)
                except (ValueError, OSError) as error:
                    self.failed.append(step)
                    self.say(f"failed  {one_line(error)}")

    def _take(self, task: Task) -> None:
        if task.state is State.BY_HAND and isinstance(task.step, Archive):
            self.by_hand.append(task.step)
        elif task.state is State.MAKE and isinstance(task.step, Made):
            task.step.make(self.root)
        elif task.state is State.FETCH and isinstance(task.step, File):
            self._fetch(task.step.remote, self.root / task.step.path)
        elif isinstance(task.step, Archive) and task.state is not State.THERE:
            self._unpack(task.step, fetch=task.state is State.FETCH)

    def _unpack(self, archive: Archive, fetch: bool) -> None:
        path = archive_path(archive, self.root)
        if fetch and archive.remote is not None:
            self._fetch(archive.remote, path)
        else:
            self._check_given(archive, path)
        destination = archive.members(self.root)
        write_record(path, unpack(path, self.root, destination, _TOO_LARGE * archive.unpacked))
        if self.remove_archives and archive.remote is not None:
            path.unlink()

    def _fetch(self, remote: Remote, path: Path) -> None:
        if self.downloader.fetch(remote, path):
            self._recorded(path)

    def _check_given(self, archive: Archive, path: Path) -> None:
        """Check an existing archive, perhaps put there by a person."""
        if archive.remote is not None and archive.remote.checksum is not None:
            check(path, archive.remote.checksum, str(path))
        elif record_or_compare(path, path):
            self._recorded(path)

    def _recorded(self, path: Path) -> None:
        self.say(f"        no published checksum to compare with: recorded its SHA-256 in {path.name}{LOCK}")


@contextmanager
def _alone(root: Path) -> Iterator[None]:
    try:
        with FileLock(root / _LOCK_FILE, timeout=0):
            yield
    except Timeout as error:
        msg = f"--root {root}: another process is preparing data there; wait for it, or end it"
        raise ValueError(msg) from error
