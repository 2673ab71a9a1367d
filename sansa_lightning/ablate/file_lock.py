"""The lock of a run of a table: its holder executes the run, and others wait."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from sansa_lightning.runs.lock import try_lock

LOCK = ".lock"
"""Name of the file, in the run's folder."""

PATIENCE = 0.5
"""Seconds between two looks while waiting."""


class StoppedError(Exception):
    """The whole call was interrupted."""


@contextmanager
def locked(folder: Path, stop: threading.Event) -> Iterator[IO[str]]:
    """Hold a run's folder exclusively, together with all processes that inherit the open file.

    Args:
        folder: of the run.
        stop: set to give up waiting.

    Raises:
        StoppedError: ``stop`` was set before the folder was free.
    """
    with (folder / LOCK).open("a") as file:
        while True:
            try:
                try_lock(file.fileno(), folder)
                break
            except BlockingIOError:
                if stop.wait(PATIENCE):
                    raise StoppedError from None
        yield file
