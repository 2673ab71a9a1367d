"""Plan the steps from the existing files: what to do, how much to fetch, and whether the disk has room."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from sansa_lightning.files.messages import counted
from sansa_lightning.prepare.benchmark import ARCHIVES, Archive, Benchmark, File, Made, Remote, Step, complete
from sansa_lightning.prepare.download import partial_of
from sansa_lightning.prepare.progress import bytes_text
from sansa_lightning.prepare.record import changed, read_record


class State(Enum):
    """The state of a step."""

    THERE = "there"
    FETCH = "fetch"
    UNPACK = "unpack"
    MAKE = "make"
    BY_HAND = "by hand"


@dataclass(frozen=True, slots=True)
class Task:
    """A step and its state.

    Attributes:
        step: the step.
        state: tells what remains to be done.
        note: a finding for the reader; may be empty.
        fetch: bytes to fetch.
        write: bytes to write in addition.
    """

    step: Step
    state: State
    note: str = ""
    fetch: int = 0
    write: int = 0

    def __str__(self) -> str:
        size = f" ({bytes_text(self.fetch)})" if self.fetch else ""
        note = f": {self.note}" if self.note else ""
        return f"{self.state.value:8}{_title(self.step)}{size}{note}"


def plan(benchmark: Benchmark, root: Path) -> tuple[Task, ...]:
    """The tasks, in order.

    Raises:
        ValueError: a record of an earlier run is damaged.
    """
    return tuple(task_of(step, root) for step in benchmark.steps)


def task_of(step: Step, root: Path) -> Task:
    """The task of one step."""
    if isinstance(step, File):
        path = root / step.path
        return Task(step, State.THERE) if path.is_file() else Task(step, State.FETCH, fetch=_missing(step.remote, path))
    if isinstance(step, Made):
        done = complete(root, step.contents)
        return Task(step, State.THERE) if done else Task(step, State.MAKE, write=step.size)
    return _archive(step, root)


def check_room(tasks: Sequence[Task], root: Path, remove_archives: bool) -> None:
    """Check that the disk has room for all files to fetch and write.

    Args:
        tasks: the plan.
        root: the destination.
        remove_archives: whether each archive is removed once it is unpacked.

    Raises:
        ValueError: it has too little room.
    """
    fetched = [task.fetch for task in tasks]
    needed = sum(task.write for task in tasks) + (max(fetched, default=0) if remove_archives else sum(fetched))
    free = shutil.disk_usage(_existing(root)).free
    if needed > free:
        hint = "" if remove_archives else "; --remove_archives needs less"
        msg = f"--root {root}: expected room for {bytes_text(needed)}, but the disk has {bytes_text(free)} free{hint}"
        raise ValueError(msg)


def archive_path(archive: Archive, root: Path) -> Path:
    """The path of an archive's file, whether it exists or not."""
    return root / ARCHIVES / archive.file


def _archive(step: Archive, root: Path) -> Task:
    path = archive_path(step, root)
    if complete(root, step.superseded_by):
        return Task(step, State.THERE, "not needed any more")
    given = read_record(path)
    if given is None:
        if complete(root, step.contents):
            return Task(step, State.THERE, "its content was there already")
        note = ""
    else:
        lost = changed(root, given)
        if not lost:
            return Task(step, State.THERE, counted(len(given), "file"))
        note = f"{len(lost)} of {len(given)} files are missing or have another size, such as {lost[0]}"
    if path.is_file():
        return Task(step, State.UNPACK, note, write=step.unpacked)
    if step.remote is None:
        return Task(step, State.BY_HAND, note, write=0)
    return Task(step, State.FETCH, note, _missing(step.remote, path), step.unpacked)


def _missing(remote: Remote, path: Path) -> int:
    """Bytes still to fetch; at least one, since the final check is not done yet."""
    partial = partial_of(path)
    return max(remote.size - (partial.stat().st_size if partial.is_file() else 0), 1)


def _title(step: Step) -> str:
    if isinstance(step, Made):
        return f"{step.what}: {', '.join(content.pattern for content in step.contents)}"
    if isinstance(step, Archive):
        return step.file if step.remote is None else step.remote.url
    return step.remote.url


def _existing(folder: Path) -> Path:
    """The nearest existing folder above."""
    return next(above for above in (folder.absolute(), *folder.absolute().parents) if above.is_dir())
