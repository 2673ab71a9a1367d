"""The folder of a run, which a process locks before it writes there, until it ends."""

from __future__ import annotations

import os
import shlex
import sys
import time
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

from sansa_lightning.files.whole import left_over
from sansa_lightning.runs.episode_scores import FILES
from sansa_lightning.runs.interrupts import first_process
from sansa_lightning.runs.lock import HeldError, RunLock, take
from sansa_lightning.runs.result import RunResult, result_name

RUN_VARIABLE = "SANSA_RUN_DIR"
"""Environment variable: the folder of a run, for its further processes."""

CHECKPOINTS, LAST, PREDICTIONS = "checkpoints", "last.ckpt", "predictions"
EPISODES = {"fit": "episodes.png", "test": "episodes_test.png"}

MASKS = (f"{PREDICTIONS}/masks", f"{PREDICTIONS}/overlays")
"""Folders whose files have their own names."""


@dataclass
class RunFolder:
    """A folder that this process may write to as a ``fit``, ``validate``, ``test`` or ``predict``.

    The files of these four have different names, so that they can share the folder: a test can read the last checkpoint
    of a running fit. Two of the same kind cannot share it.

    Attributes:
        path: the folder.
        subcommand: one of the four.
        lock: held until the end.
        made: folders that did not exist before, outermost last.
        started: time in seconds.
    """

    path: Path
    subcommand: str
    lock: RunLock
    made: list[Path] = field(default_factory=list)
    started: float = field(default_factory=time.time)

    @property
    def result(self) -> Path:
        """The result file of the run."""
        return self.path / result_name(self.subcommand)

    def release(self) -> None:
        """Unlock the folder, and delete it if it is empty."""
        self.lock.release()
        with suppress(OSError):  # mostly not empty
            for folder in self.made:
                folder.rmdir()

    def interrupted(self) -> None:
        """Mark the run as interrupted in its result, unless that is done: the run may not have started yet."""
        result = RunResult.read(self.path, self.subcommand)
        took = round(time.time() - self.started, 1)
        with suppress(OSError):  # the run ends anyway
            if result is not None and result.status == "running":
                own = self.result.stat().st_mtime >= self.started - 1  # otherwise it is a killed attempt's
                ended = replace(result, status="interrupted", seconds=took if own else result.seconds)
                ended.write(self.path, self.subcommand)
            elif not self.result.exists():
                now = datetime.now(UTC).isoformat(timespec="seconds")
                ended = RunResult(status="interrupted", time=now, command=sys.argv, seconds=took)
                ended.write(self.path, self.subcommand)


class _Held:
    """The folder of this process."""

    folder: RunFolder | None = None


def chosen_folder(given: str | None) -> Path:
    """The requested folder, that of the process that started this one, or a new one.

    Raises:
        ValueError: see :func:`expanded`.
    """
    chosen = given or os.environ.get(RUN_VARIABLE)
    return expanded(chosen) if chosen else Path("runs") / f"{datetime.now():%Y%m%d-%H%M%S}_{os.getpid()}"


def expanded(path: str) -> Path:
    """The path with the home folder for ``~``, which shells do not expand after an equals sign.

    Raises:
        ValueError: there is no such user.
    """
    try:
        return Path(path).expanduser()
    except RuntimeError as error:
        msg = f"run_dir: {path}: {error}"
        raise ValueError(msg) from error


def take_folder(path: Path, subcommand: str) -> None:
    """Lock a folder for this process until :func:`release_folder`, and delete leftovers of killed runs of its kind.

    The further processes of a run write to the folder that the first one has locked.

    Raises:
        ValueError: it cannot be written to, or a running process has locked it.
    """
    if not first_process():
        return
    release_folder()
    made: list[Path] = []
    try:
        for name in names_of(subcommand):
            _see_that_it_can_be(path / name)
        made = [folder for folder in (path, *path.parents) if not folder.exists()]
        path.mkdir(parents=True, exist_ok=True)
        _Held.folder = RunFolder(path, subcommand, take(path / f".{subcommand}.lock"), made)
    except HeldError as error:
        msg = f"run_dir: {path} is in use by another {subcommand}, {error}; wait for its end, or choose another folder"
        raise ValueError(msg) from error
    except (OSError, ValueError) as error:
        with suppress(OSError):
            for folder in made:
                folder.rmdir()
        reason = getattr(error, "strerror", None) or str(error)
        msg = f"run_dir: {str(path)!r} cannot be written to: {reason}; choose another folder"
        raise ValueError(msg) from error
    if _Held.folder.lock.descriptor is not None:
        _clear(path, subcommand)


def release_folder() -> None:
    """Unlock the folder of this process, if it has one."""
    if _Held.folder is not None:
        _Held.folder.release()
        _Held.folder = None


def names_of(subcommand: str) -> list[str]:
    """The files that a subcommand writes in its folder, as far as they are known in advance."""
    suffix = "" if subcommand == "fit" else f"_{subcommand}"
    names = [f"config{suffix}.yaml", result_name(subcommand), f"metrics/{subcommand}-1/metrics.csv"]
    names += [EPISODES[subcommand], FILES[subcommand]] if subcommand in EPISODES else []
    names += [f"{CHECKPOINTS}/{LAST}"] if subcommand == "fit" else []
    if subcommand == "predict":
        names += [f"{PREDICTIONS}/annotations.json", *(f"{folder}/00000_0.png" for folder in MASKS)]
    return names


def refuse_taken(folder: Path, checkpoint: str | None) -> None:
    """Refuse a new fit that would overwrite another one, unless that failed before its first checkpoint.

    A checkpoint of the folder resumes its run. Incomplete checkpoints of killed runs do not count.

    Raises:
        ValueError: the folder holds a run.
    """
    goes_on = checkpoint is not None and Path(checkpoint).resolve().is_relative_to(folder.resolve())
    if not goes_on and any(not path.name.startswith(".") for path in (folder / CHECKPOINTS).glob("*")):
        msg = f"run_dir: {folder} holds a run; add --ckpt_path last to resume it, or choose another folder"
        raise ValueError(msg)


def interruption(signal: str) -> str:
    """Record that the run of this process was interrupted, and say how to resume it, in one line.

    Args:
        signal: name of the signal.
    """
    held, how = _Held.folder, "run the same command again"
    if held is not None:
        held.interrupted()
        if held.subcommand == "fit" and (held.path / CHECKPOINTS / LAST).is_file():
            how = f"to resume, add to the same command: --ckpt_path last --run_dir {shlex.quote(str(held.path))}"
    return f"interrupted by {signal}: {how}"


def _see_that_it_can_be(path: Path) -> None:
    """Raise an OSError or ValueError if a file cannot be created here, for its name or an obstacle."""
    there = next(folder for folder in path.parents if folder.exists() or folder.is_symlink())
    if not there.is_dir():
        msg = f"{there} is not a folder"
        raise ValueError(msg)
    if not os.access(there, os.W_OK | os.X_OK):
        msg = f"no permission to write to {there}"
        raise ValueError(msg)
    if path.is_dir():
        msg = f"{path.name} is a folder"
        raise ValueError(msg)
    longest = path.with_name(f".{path.name}.{'9' * 7}-{'f' * 8}.partial")
    for each in (path, longest):
        with suppress(FileNotFoundError):
            each.lstat()


def _clear(path: Path, subcommand: str) -> None:
    """Delete temporary files left by killed processes, of files that only this process may write."""
    leavings = [each for name in names_of(subcommand) for each in left_over((path / name).parent, Path(name).name)]
    if subcommand == "predict":
        leavings += [each for folder in MASKS for each in left_over(path / folder)]
    for each in leavings:
        with suppress(OSError):
            each.unlink()
