"""A lock that a process holds on a file until it ends, even if it is killed."""

from __future__ import annotations

import os
import socket
import time
import warnings
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

_LOOKS, _BETWEEN = 5, 0.1
"""Number of looks, and seconds between them, at a lock that does not name its holder yet."""

_descriptors: set[int] = set()
"""Locks of this process. Forked loading processes would hold them for some seconds after it is killed."""


class HeldError(ValueError):
    """Another process holds the lock; the message is that process's own description."""


@dataclass(frozen=True)
class RunLock:
    """A lock that is held, see :func:`take`.

    Attributes:
        path: its file, which exists while it is held.
        descriptor: of the open file; None where files cannot be locked.
    """

    path: Path
    descriptor: int | None

    def release(self) -> None:
        """Release it, and delete its file. A second call, or one in a forked process, does nothing."""
        if self.descriptor in _descriptors:
            _descriptors.discard(self.descriptor)
            with suppress(OSError):
                self.path.unlink()  # while it is held: a process that waits for this file sees that it is gone
            os.close(self.descriptor)


def take(path: Path) -> RunLock:
    """Take a lock in an existing folder; if files cannot be locked, warn and continue without.

    Raises:
        HeldError: another process has it.
        OSError: the file cannot be written to.
    """
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            locked = try_lock(descriptor, path.parent)
        except BlockingIOError:
            os.close(descriptor)
            raise HeldError(_holder(path)) from None
        if not locked:
            os.close(descriptor)
            path.unlink(missing_ok=True)
            return RunLock(path, None)
        if _is_at(descriptor, path):
            break
        os.close(descriptor)  # of a run that ended meanwhile and deleted its file
    os.ftruncate(descriptor, 0)
    os.write(descriptor, f"process {os.getpid()} on {socket.gethostname()}\n".encode())
    _descriptors.add(descriptor)
    return RunLock(path, descriptor)


def try_lock(descriptor: int, folder: Path) -> bool:
    """Lock an open file; False, after a warning, if files cannot be locked.

    Args:
        descriptor: of the file; processes that inherit it hold the lock too.
        folder: for the warning.

    Raises:
        BlockingIOError: another process has it.
    """
    try:
        import fcntl

        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise
    except (ImportError, OSError) as error:
        warnings.warn(f"{folder} cannot be locked ({error}): make sure that no other run writes there", stacklevel=3)
        return False
    return True


def _is_at(descriptor: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False


def _holder(path: Path) -> str:
    for _ in range(_LOOKS):
        with suppress(OSError):
            if said := path.read_text(encoding="utf-8", errors="replace").strip():
                return said
        time.sleep(_BETWEEN)
    return "another process"


def _let_go_in_child() -> None:
    while _descriptors:
        os.close(_descriptors.pop())


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_let_go_in_child)
