"""The lock of a run of a table: who has it carries the run out, and others wait for it."""

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
"""Seconds between two looks at something that is awaited."""


class StoppedError(Exception):
    """The whole call was interrupted."""


@contextmanager
def locked(folder: Path, stop: threading.Event) -> Iterator[IO[str]]:
    """Hold a run's folder alone, with all processes that inherit the open file.

    Args:
        folder: of the run.
        stop: set when nobody wants it any more.

    Raises:
        StoppedError: it was not free before ``stop`` was set.
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
