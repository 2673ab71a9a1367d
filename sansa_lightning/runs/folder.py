"""The folder of a run, which a process takes for itself before it writes anything there, until it ends."""

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
from sansa_lightning.runs.interrupts import first_process
from sansa_lightning.runs.lock import HeldError, RunLock, take
from sansa_lightning.runs.result import RunResult, result_name

RUN_VARIABLE = "SANSA_RUN_DIR"
"""Environment variable: tells the further processes of a run its folder."""

CHECKPOINTS, LAST, PREDICTIONS = "checkpoints", "last.ckpt", "predictions"
EPISODES = {"fit": "episodes.png", "test": "episodes_test.png"}

MASKS = (f"{PREDICTIONS}/masks", f"{PREDICTIONS}/overlays")
"""Folders of files with names of their own."""


@dataclass
class RunFolder:
    """A folder that this process may write to as a ``fit``, ``validate``, ``test`` or ``predict``.

    Those four have files of their own names, so that they can share the folder: a test reads the last checkpoint of a
    fit that is still running. Two of the same kind cannot.

    Attributes:
        path: the folder.
        subcommand: which of the four.
        lock: held until the end.
        made: folders that were not there before, outermost last.
        started: time in seconds.
    """

    path: Path
    subcommand: str
    lock: RunLock
    made: list[Path] = field(default_factory=list)
    started: float = field(default_factory=time.time)

    @property
    def result(self) -> Path:
        """File of what came of the run."""
        return self.path / result_name(self.subcommand)

    def release(self) -> None:
        """Let go of the folder, and take it away if nothing was written to it."""
        self.lock.release()
        with suppress(OSError):  # not empty, mostly
            for folder in self.made:
                folder.rmdir()

    def interrupted(self) -> None:
        """Say in the result that the run was interrupted, if nobody has yet: it may not have come to its start."""
        result = RunResult.read(self.path, self.subcommand)
        took = round(time.time() - self.started, 1)
        with suppress(OSError):  # it ends anyway
            if result is not None and result.status == "running":
                own = self.result.stat().st_mtime >= self.started - 1  # else of an attempt that was killed
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
    """The folder asked for, the one of the process that started this one, or a new one.

    Raises:
        ValueError: see :func:`expanded`.
    """
    chosen = given or os.environ.get(RUN_VARIABLE)
    return expanded(chosen) if chosen else Path("runs") / f"{datetime.now():%Y%m%d-%H%M%S}_{os.getpid()}"


def expanded(path: str) -> Path:
    """The path with the home folder in the place of ``~``, which shells leave as it is after an equals sign.

    Raises:
        ValueError: ``~`` of nobody.
    """
    try:
        return Path(path).expanduser()
    except RuntimeError as error:
        msg = f"run_dir: {path}: {error}"
        raise ValueError(msg) from error


def take_folder(path: Path, subcommand: str) -> None:
    """Lock a folder for this process until :func:`release_folder`, and clear away what killed runs of the kind left.

    The further processes of a run write to the folder of the first, which has locked it.

    Raises:
        ValueError: it cannot be written to, or a process that is still running has it.
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
    """Let go of the folder of this process, if it has one."""
    if _Held.folder is not None:
        _Held.folder.release()
        _Held.folder = None


def names_of(subcommand: str) -> list[str]:
    """What a subcommand writes in its folder, as far as it is known before."""
    suffix = "" if subcommand == "fit" else f"_{subcommand}"
    names = [f"config{suffix}.yaml", result_name(subcommand), f"metrics/{subcommand}-1/metrics.csv"]
    names += [EPISODES[subcommand]] if subcommand in EPISODES else []
    names += [f"{CHECKPOINTS}/{LAST}"] if subcommand == "fit" else []
    if subcommand == "predict":
        names += [f"{PREDICTIONS}/annotations.json", *(f"{folder}/00000_0.png" for folder in MASKS)]
    return names


def refuse_taken(folder: Path, checkpoint: str | None) -> None:
    """Raise if a new fit would overwrite another, unless that failed before its first checkpoint.

    A checkpoint out of the folder's own goes on with that run. What a killed run left of its first does not count.

    Raises:
        ValueError: the folder holds a run.
    """
    goes_on = checkpoint is not None and Path(checkpoint).resolve().is_relative_to(folder.resolve())
    if not goes_on and any(not path.name.startswith(".") for path in (folder / CHECKPOINTS).glob("*")):
        msg = f"run_dir: {folder} holds a run; add --ckpt_path last to go on with it, or choose another folder"
        raise ValueError(msg)


def interruption(signal: str) -> str:
    """Note that the run of this process was interrupted, and say how to go on: one line.

    Args:
        signal: its name.
    """
    held, how = _Held.folder, "run the same command again"
    if held is not None:
        held.interrupted()
        if held.subcommand == "fit" and (held.path / CHECKPOINTS / LAST).is_file():
            how = f"to go on, add to the same command: --ckpt_path last --run_dir {shlex.quote(str(held.path))}"
    return f"interrupted by {signal}: {how}"


def _see_that_it_can_be(path: Path) -> None:
    """Raise an OSError or ValueError if a file cannot be in this place, by its name or what is in its way."""
    there = next(folder for folder in path.parents if folder.exists() or folder.is_symlink())
    if not there.is_dir():
        msg = f"{there} is no folder"
        raise ValueError(msg)
    if not os.access(there, os.W_OK | os.X_OK):
        msg = f"no right to write to {there}"
        raise ValueError(msg)
    if path.is_dir():
        msg = f"{path.name} is a folder"
        raise ValueError(msg)
    longest = path.with_name(f".{path.name}.{'9' * 7}-{'f' * 8}.partial")
    for each in (path, longest):
        with suppress(FileNotFoundError):
            each.lstat()


def _clear(path: Path, subcommand: str) -> None:
    """Take away what killed processes left of the files that this one has the sole right to write."""
    leavings = [each for name in names_of(subcommand) for each in left_over((path / name).parent, Path(name).name)]
    if subcommand == "predict":
        leavings += [each for folder in MASKS for each in left_over(path / folder)]
    for each in leavings:
        with suppress(OSError):
            each.unlink()
