"""This machine, some runs at a time."""

from __future__ import annotations

import os
import threading
from collections.abc import Generator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed

from sansa_lightning.ablate.execute import Outcome, execute
from sansa_lightning.ablate.jobs import Job
from sansa_lightning.ablate.launchers.base import Launcher


class LocalLauncher(Launcher):
    """Executes runs in separate processes on this machine.

    Args:
        at_once: number of runs at a time; they share the processor's cores.
    """

    def __init__(self, at_once: int = 1) -> None:
        if at_once < 1:
            msg = f"--jobs: expected at least 1, but got {at_once}"
            raise ValueError(msg)
        self.at_once = at_once
        self.threads = max(1, len(os.sched_getaffinity(0)) // at_once)

    def run(self, jobs: Sequence[Job]) -> Generator[Outcome, None, None]:
        """See :meth:`Launcher.run`."""
        stop = threading.Event()
        pool = ThreadPoolExecutor(self.at_once)
        try:
            for future in as_completed([pool.submit(execute, job, self.threads, stop) for job in jobs]):
                yield future.result()
        finally:
            stop.set()
            pool.shutdown(wait=True, cancel_futures=True)
