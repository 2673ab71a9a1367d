"""Lines that say how far a job is, for terminals and for logs."""

from __future__ import annotations

import sys
import time

from sansa_lightning.files.messages import counted, duration

EVERY = 10.0
"""Seconds between two lines."""


class Progress:
    """Says on stderr, at most every ten seconds, how many pictures are done, how fast, and what is left.

    Args:
        total: pictures that are to be done by this process.
        done: those of them that were done before.
    """

    def __init__(self, total: int, done: int = 0) -> None:
        self.total, self.done, self.skipped = total, done, 0
        self._before = done
        self._began = self._said = time.monotonic()

    def add(self, done: int, skipped: int) -> None:
        """Count pictures, ``skipped`` of which could not be read."""
        self.done += done
        self.skipped += skipped
        now = time.monotonic()
        if now - self._said >= EVERY:
            self._said = now
            sys.stderr.write(f"annotate: {self.line(now - self._began)}\n")
            sys.stderr.flush()

    def line(self, seconds: float) -> str:
        """How far it is after some seconds of work."""
        rate = (self.done - self._before) / max(seconds, 1e-9)
        left = f", {duration((self.total - self.done) / rate)} left" if rate else ""
        skipped = f", {counted(self.skipped, 'picture')} skipped" if self.skipped else ""
        return f"{self.done} of {counted(self.total, 'picture')}, {rate:.3g} a second{left}{skipped}"
