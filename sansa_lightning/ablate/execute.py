"""Executing one run of a table: processes of the command line, their messages, and their ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import yaml

from sansa_lightning.ablate.file_lock import PATIENCE, StoppedError, locked
from sansa_lightning.ablate.jobs import WRITTEN, Job
from sansa_lightning.analysis.linear_probe import PROBE
from sansa_lightning.data.protocols.base import InDomain
from sansa_lightning.files.whole import write_text
from sansa_lightning.runs.attempts import keep_attempt
from sansa_lightning.runs.result import RunResult, result_name

LOG = "log.txt"
TRACEBACK = "Traceback (most recent call last):"
GRACE = 20
"""Seconds that a process has to end after a request."""


@dataclass(frozen=True)
class Outcome:
    """The end of a run.

    Attributes:
        identity: of the job.
        error: its last line of error; empty if it is finished.
        seconds: time that it took here, 0 if another process did it.
    """

    identity: str
    error: str
    seconds: float


def execute(job: Job, threads: int, stop: threading.Event | None = None) -> Outcome:
    """Finish a job: train it, from its last checkpoint if there is one, and score it.

    If another process is executing the same run, wait for it.

    Args:
        job: the run.
        threads: for its computation.
        stop: set to end everything.

    Raises:
        StoppedError: ``stop`` was set.
    """
    stop = stop or threading.Event()
    started = time.monotonic()
    job.folder.mkdir(parents=True, exist_ok=True)
    with locked(job.folder, stop) as lock:
        error = ""
        if job.result() is None:
            write_text(job.folder / WRITTEN, job.config)
            if job.trains and job.last_checkpoint.is_file():
                keep_attempt(job.folder, job.last_checkpoint)
            error = run_process(_main_command(job), job.folder / LOG, threads, lock, stop)
            error = error or _unfinished(job.result(), job.folder, job.subcommand)
        if job.in_domain and not error and job.in_domain_result() is None:
            folder = job.in_domain_folder
            write_text(folder / WRITTEN, _in_domain_config(job.config))
            error = run_process(_in_domain_command(job), folder / LOG, threads, lock, stop)
            error = error or _unfinished(job.in_domain_result(), folder, "test")
    return Outcome(job.identity, error, time.monotonic() - started)


def _unfinished(result: RunResult | None, folder: Path, subcommand: str) -> str:
    """An error if a process ended with status 0 but its result is not finished, for whatever reason."""
    if result is not None:
        return ""
    found, name = RunResult.read(folder, subcommand), result_name(subcommand)
    if found is None:
        return f"it ended, but left no {name}"
    what = "that nothing was trained" if found.trained is False else repr(found.status)
    return f"it ended, but {name} says {what}"


def _main_command(job: Job) -> list[str]:
    command = [*program(job.subcommand, job.folder / WRITTEN), "--run_dir", str(job.folder)]
    return [*command, "--ckpt_path", "last"] if job.trains and job.last_checkpoint.is_file() else command


def _in_domain_command(job: Job) -> list[str]:
    folder = job.in_domain_folder
    command = [*program("test", folder / WRITTEN), "--run_dir", str(folder)]
    return [*command, "--ckpt_path", str(job.last_checkpoint)] if job.trains else command


def program(subcommand: str, config: Path) -> list[str]:
    """The command line for a run, as the beginning of a command."""
    return [sys.executable, "-m", "sansa_lightning", subcommand, "--config", str(config)]


def _in_domain_config(config: str) -> str:
    """The same configuration with test episodes from the training classes, and no controls."""
    content: dict[str, Any] = yaml.safe_load(config)
    content["data"]["protocol"]["class_path"] = f"{InDomain.__module__}.{InDomain.__name__}"
    content["data"]["controls"] = False
    callbacks = content["trainer"]["callbacks"] or []
    content["trainer"]["callbacks"] = [each for each in callbacks if each["class_path"] != PROBE] or None
    return yaml.safe_dump(content, sort_keys=False)


def run_process(command: Sequence[str], log: Path, threads: int, lock: IO[str], stop: threading.Event) -> str:
    """Run a command to its end; returns the last line of its errors, empty if it succeeded."""
    count = str(threads)
    environment = {**os.environ, "OMP_NUM_THREADS": count, "MKL_NUM_THREADS": count}
    environment = {key: value for key, value in environment.items() if key != "SANSA_RUN_DIR"}
    with log.open("ab") as file:
        start = log.stat().st_size  # after the output of earlier attempts
        process = subprocess.Popen(  # noqa: S603  our own program
            command,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=file,
            start_new_session=True,  # so that an interrupt reaches it only through us
            pass_fds=(lock.fileno(),),  # it holds the lock too: if we are killed, nobody starts its run again
        )
        while process.poll() is None:
            if stop.wait(PATIENCE):
                _end(process)
                raise StoppedError
    return "" if process.returncode == 0 else last_error(log, process.returncode, start)


def _end(process: subprocess.Popen[bytes]) -> None:
    """Ask a process to end, then force it."""
    process.send_signal(signal.SIGTERM)  # not SIGINT, which background processes of a shell ignore
    try:
        process.wait(GRACE)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def last_error(log: Path, status: int, start: int = 0) -> str:
    """The last message of a failed process: its line of error, or the end of a traceback.

    Args:
        log: its output.
        status: its exit status, negative for a signal.
        start: length of the log before it started, bytes.
    """
    if status < 0:
        return f"killed by signal {-status}"
    said = log.read_bytes()[start:].decode("utf-8", errors="replace")
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    errors = [line.removeprefix("error: ") for line in lines if line.startswith(("error: ", TRACEBACK))]
    return (errors if errors and errors[-1] != TRACEBACK else lines or [f"exit status {status}"])[-1]
