"""The command line in processes that can be killed."""

from __future__ import annotations

import os
import signal
import sys
import time
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

PATIENCE = 1800
"""Seconds after which a process counts as hanging."""


class Process:
    """The command line in a process of its own, which hears interrupts also where this one is in the background.

    Args:
        args: after ``python -m sansa_lightning``.
        log: file for what it says.
        warm: fork from this process.
    """

    def __init__(self, args: Sequence[str], log: Path, *, warm: bool) -> None:
        self.log = log
        self.status: int | None = None
        with log.open("wb") as file:
            sys.stdout.flush()
            self.pid = os.fork()
            if not self.pid:
                os.dup2(file.fileno(), 1)
                os.dup2(file.fileno(), 2)
                os.setpgid(0, 0)
                signal.signal(signal.SIGINT, signal.default_int_handler)
                if not warm:
                    os.execv(sys.executable, [sys.executable, "-m", "sansa_lightning", *args])  # noqa: S606
                _become(args)

    def wait(self, seconds: float) -> bool:
        """Whether it ends within this time."""
        end = time.monotonic() + seconds
        while self.status is None and time.monotonic() < end:
            ended, status = os.waitpid(self.pid, os.WNOHANG)
            if ended:
                self.status = os.waitstatus_to_exitcode(status)
            else:
                time.sleep(0.02)
        return self.status is not None

    def end(self) -> tuple[int, str]:
        """Exit status and what was said, when it has ended by itself."""
        if not self.wait(PATIENCE):
            os.killpg(self.pid, signal.SIGKILL)
            self.wait(PATIENCE)
            return 999, f"still running after {PATIENCE} s: {self.log.read_text()}"
        assert self.status is not None  # noqa: S101
        return self.status, self.log.read_text(errors="replace")


def _become(args: Sequence[str]) -> NoReturn:
    status: Any = 1
    try:
        from sansa_lightning.__main__ import main as command_line

        sys.argv = ["sansa_lightning", *args]
        command_line()
        status = 0
    except SystemExit as error:
        status = error.code or 0
    except BaseException:  # whatever it is, this process must not go on as its parent
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status if isinstance(status, int) else 1)
