"""What the runs of a table say while they go on: a line for each of them, from the end of its log."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from sansa_lightning.ablate.execute import LOG
from sansa_lightning.ablate.jobs import Job
from sansa_lightning.callbacks.progress import LATEST

END = 8192
"""Bytes of a log in which its last line of progress is looked for."""

PROGRESS = re.compile(r"^(?:train: step|(?:validation|test|predict): batch) .*$", re.MULTILINE)
"""What :class:`~sansa_lightning.callbacks.progress.ProgressLines` says."""


class Watch:
    """Looks at logs: the runs that have written to theirs since the watch began, and have not ended, are going on.

    Args:
        jobs: to be carried out, by whichever process on whichever machine: their folders are seen from here.
    """

    def __init__(self, jobs: Sequence[Job]) -> None:
        self.jobs = {job.identity: job for job in jobs}
        self.before = {log: _size(log) for job in jobs for log in _logs(job)}

    def ended(self, identity: str) -> None:
        """Take a run out."""
        self.jobs.pop(identity, None)

    def lines(self) -> list[str]:
        """The row, fold and seed of each run that is going on, and its last line of progress."""
        found = []
        for job in list(self.jobs.values()):  # one may end meanwhile
            grown = [log for log in _logs(job) if _size(log) > self.before[log]]
            if grown:
                found.append(f"{job.name}: {_last(grown[-1], self.before[grown[-1]])}")
        return found


@contextmanager
def watched(jobs: Sequence[Job], say: Callable[[str], None], every: float = LATEST) -> Iterator[Watch]:
    """Say where the runs are while the block carries them out.

    Args:
        jobs: see :class:`Watch`.
        say: takes a line.
        every: so many seconds.
    """
    watch, stop = Watch(jobs), threading.Event()

    def look() -> None:
        while not stop.wait(every):
            for line in watch.lines():
                say(line)

    thread = threading.Thread(target=look, daemon=True)
    thread.start()
    try:
        yield watch
    finally:
        stop.set()
        thread.join()


def _logs(job: Job) -> tuple[Path, Path]:
    """Of the run and of its score on the training classes, which follows it."""
    return job.folder / LOG, job.in_domain_folder / LOG


def _size(log: Path) -> int:
    try:
        return log.stat().st_size
    except OSError:  # not there yet
        return 0


def _last(log: Path, start: int) -> str:
    """The last line of progress of a log; what stands before ``start``, in bytes, is of earlier attempts."""
    with log.open("rb") as file:
        file.seek(max(start, _size(log) - END))
        said = file.read().decode("utf-8", errors="replace")
    lines: list[str] = PROGRESS.findall(said)
    return lines[-1].strip() if lines else "started"
