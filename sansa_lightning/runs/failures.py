"""The end of a failed command: one line for a person, and a full report of unexpected errors."""

from __future__ import annotations

import errno
import os
import re
import sys
import tempfile
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from sansa_lightning.files.messages import one_line, plain
from sansa_lightning.files.whole import write_text
from sansa_lightning.runs.folder import RUN_VARIABLE
from sansa_lightning.runs.interrupts import heard, interruptible

DEBUG_VARIABLE = "SANSA_DEBUG"
"""Environment variable: if set, errors are shown as tracebacks."""

REPORT = "error.log"

LONGEST = 1000
"""Most characters of an error line."""

_NO_MEMORY = re.compile(r"out of memory|can't allocate memory|not enough memory|unable to allocate", re.IGNORECASE)
_PEER = re.compile(r"connection (closed|reset) by peer|broken pipe|remote process exited", re.IGNORECASE)
_LOADER = re.compile(r"DataLoader worker \(pid(?:\(s\))? (?P<pids>[\d, ]+)\)(?P<how>.*)", re.DOTALL)
_LOWER = "lower data.batch_size, data.eval_batch_size, data.size or data.train_targets, or set model.recompute to true"


@contextmanager
def one_line_errors() -> Iterator[None]:
    """Show errors of the block as one line on stderr; with ``SANSA_DEBUG`` as tracebacks.

    Raises:
        SystemExit: with status 2 after bad input (a ValueError, an OSError, or Lightning's error for it), with status 1
            after anything else, with a full report in ``error.log`` of the run folder or in a temporary file.
    """
    try:
        yield
    except Exception as error:
        if DEBUG_VARIABLE in os.environ or heard() is not None:  # a request to end has its own line
            raise
        expected = isinstance(error, ValueError | OSError) or type(error).__name__ == "MisconfigurationException"
        line = _resources(error) or (one_line(error) if expected else _unexpected(error))
        sys.stderr.write(f"error: {plain(line, LONGEST)}\n")
        raise SystemExit(2 if expected else 1) from error


def run_main(main: Callable[[], None]) -> None:
    """Call the main function of a module that is its own command; it ends like the command line.

    Raises:
        SystemExit: as for :func:`one_line_errors`; with status 130 or 143, and one line, after Ctrl-C or SIGTERM.
    """

    @interruptible()
    def run(args: None) -> None:
        with one_line_errors():
            main()

    run()


def _resources(error: Exception) -> str:
    """The message if the machine ran out of memory or lost a process; empty for any other error."""
    text = str(error)
    if isinstance(error, OSError) and error.errno == errno.ENOMEM:  # when a process cannot be started
        return f"out of memory: {one_line(error)}; {_LOWER}, or data.num_workers"
    if isinstance(error, MemoryError) or (isinstance(error, RuntimeError) and _NO_MEMORY.search(text)):
        return f"out of memory: {one_line(error).partition(' If reserved')[0][:300] or 'none is left'}; {_LOWER}"
    if found := _LOADER.search(text):
        how = " ".join(found["how"].split()).rstrip(".")
        return (
            f"loading process {found['pids']} {how.removeprefix('is ') or 'ended'}: it was ended from outside, mostly "
            f"because memory ran out; lower data.num_workers or data.batch_size, and check the size of /dev/shm"
        )
    if isinstance(error, RuntimeError) and _PEER.search(text):
        return f"another process of this run has ended; its last words tell why, if any ({one_line(error)[:200]})"
    return ""


def _unexpected(error: Exception) -> str:
    """Name the error and the place of its report."""
    said = " ".join(str(error).split())
    return f"{type(error).__name__}: {said[:300]} (unexpected; please report it with {_write_report(error)})"


def _write_report(error: Exception) -> str:
    """Write a full report of an error; returns its place."""
    when = datetime.now(UTC).isoformat(timespec="seconds")
    trace = "".join(traceback.format_exception(error))
    text = f"{when}\ncommand: {sys.argv}\npython: {sys.version}\n\n{trace}"
    folder = os.environ.get(RUN_VARIABLE)
    try:
        if folder and Path(folder).is_dir():
            rank = int(os.environ.get("LOCAL_RANK", 0))
            path = Path(folder) / (f"error_rank{rank}.log" if rank else REPORT)
            write_text(path, text)
            return str(path)
        with tempfile.NamedTemporaryFile("w", prefix="sansa_", suffix=f"_{REPORT}", delete=False) as file:
            file.write(text)
    except OSError as trouble:
        return f"no report, since it cannot be written: {trouble}; {DEBUG_VARIABLE}=1 prints it"
    return file.name
