"""Requests to end, by Ctrl-C or SIGTERM: they work at any moment, and a process that got one never ends with status 0.

Imports nothing heavy, since it must listen before torch is imported.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import wraps
from types import FrameType
from typing import Any

REQUESTS = (signal.SIGTERM, signal.SIGINT)

SAME = 3.0
"""Seconds in which a further signal counts as the same request: terminals and launchers signal whole groups."""

LET_THE_FIRST_END = 10.0
"""Seconds that the further processes of a run wait for the first one to write its result and end them; Lightning would
kill the first as soon as it sees that another has ended."""

Say = Callable[[str], str]
"""From the name of a signal to a line that says that it was received, and how to continue."""


class _State:
    """The requests that this process has received."""

    owner = 0
    heard: signal.Signals | None = None
    at = 0.0
    children: Any = None
    """The handler of SIGCHLD that :func:`_hear` has put aside."""


def heard() -> signal.Signals | None:
    """The first request since this process began to listen; None if there was none."""
    return _State.heard


def check() -> None:
    """Raise a lost request again, for instance one that arrived in a finaliser, which swallows exceptions.

    Raises:
        KeyboardInterrupt: there was a request.
    """
    if _State.heard is not None and os.getpid() == _State.owner:
        raise KeyboardInterrupt(_State.heard.name)


def renew() -> None:
    """Restore our handlers if a library has replaced them and this process is listening."""
    if _State.owner == os.getpid() and threading.current_thread() is threading.main_thread():
        for number in REQUESTS:
            if signal.getsignal(number) is not signal.SIG_IGN:
                signal.signal(number, _hear)


@contextmanager
def listening() -> Iterator[None]:
    """Requests raise KeyboardInterrupt in the main thread while the block runs; a nested block changes nothing.

    A signal that was ignored at the start of the process, as shells do for background jobs, stays ignored.
    """
    inner = _State.owner == os.getpid()
    if inner or threading.current_thread() is not threading.main_thread():
        yield
        return
    previous = {number: signal.getsignal(number) for number in REQUESTS}
    _State.owner, _State.heard = os.getpid(), None
    for number, handler in previous.items():
        if handler is not signal.SIG_IGN:
            signal.signal(number, _hear)
    try:
        with _quiet_after_a_request():
            yield
    finally:
        _State.owner = 0
        children, _State.children = _State.children, None
        for number, handler in [*previous.items(), (signal.SIGCHLD, children)]:
            with suppress(TypeError):  # None: not set by Python, or not put aside
                signal.signal(number, handler)


def ignore_requests() -> None:
    """Let this process, whose work is done, end in its own time.

    Python restores the system's handlers early in its end, and they would kill the process with another status.
    """
    for number in REQUESTS:
        signal.signal(number, signal.SIG_IGN)


@contextmanager
def _quiet_after_a_request() -> Iterator[None]:
    """No traceback of what a request ends beside the main thread, or where Python cannot raise; it has its own line.

    Threads that serve loading processes lose them, as theirs lose this process; finalisers swallow the request, which
    :func:`check` raises again. After a request that stays so, since they may end later than the block.
    """
    raised, swallowed = sys.excepthook, sys.unraisablehook

    def excepthook(*error: Any) -> None:
        lost = os.getpid() != _State.owner and isinstance(error[1], ConnectionError)  # a loading process, of us
        if threading.current_thread() is threading.main_thread() or not (lost or heard()):
            raised(*error)

    def unraisablehook(found: Any) -> None:
        if heard() is None or not issubclass(found.exc_type, KeyboardInterrupt):
            swallowed(found)

    sys.excepthook, sys.unraisablehook = excepthook, unraisablehook
    try:
        yield
    finally:
        if heard() is None:
            sys.excepthook, sys.unraisablehook = raised, swallowed


def end_further_processes() -> None:
    """Kill the processes that Lightning has started for this run, from its first process, which is this one.

    They may wait for the first one for ever. Lightning has a thread that would kill this process too when it sees a
    dead one; its list is emptied.
    """
    for thread in threading.enumerate():
        if thread.name == "child-process-observer":
            for process in vars(thread).get("_child_processes", ()):
                process.kill()
            vars(thread)["_child_processes"] = []


def first_process() -> bool:
    """Whether this is the first process of a run, by what launchers put into the environment."""
    keys = ("RANK", "LOCAL_RANK", "NODE_RANK", "GROUP_RANK", "SLURM_PROCID")
    return all(os.environ.get(key, "0") in ("", "0") for key in keys)


def again(name: str) -> str:
    """The line of a command that leaves nothing to resume.

    Args:
        name: of the signal.
    """
    return f"interrupted by {name}: run the same command again"


def interruptible(
    say: Say = again, release: Callable[[], None] = lambda: None
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Decorator of a main function: after a request it ends with one line on stderr and status 128 + signal number.

    Args:
        say: records the interruption, and makes the line.
        release: called at the end, in any case.
    """

    def decorate(main: Callable[..., None]) -> Callable[..., None]:
        @wraps(main)
        def run(args: Sequence[str] | None = None, **options: Any) -> None:
            with listening():
                try:
                    main(args, **options)
                    check()  # a library may have swallowed it
                except BaseException as error:  # libraries may have turned the request into any exception
                    number = heard() or (signal.SIGINT if isinstance(error, KeyboardInterrupt) else None)
                    if number is None:
                        raise
                    _leave(number, error, say)
                finally:
                    release()

        return run

    return decorate


def _leave(number: signal.Signals, error: BaseException, say: Say) -> None:
    status = 128 + number
    if isinstance(error, SystemExit) and error.code == status:  # it has printed its own line
        raise error
    if first_process():
        sys.stderr.write(f"{say(number.name)}\n")
    else:
        time.sleep(LET_THE_FIRST_END)
    raise SystemExit(status) from None


def _hear(number: int, frame: FrameType | None) -> None:
    if os.getpid() != _State.owner:  # a loading process, forked with our handlers
        raise KeyboardInterrupt
    now = time.monotonic()
    if _State.heard is not None and now - _State.at < SAME:
        return
    _State.heard, _State.at = _State.heard or signal.Signals(number), now
    _put_aside_the_handler_of_children()
    raise KeyboardInterrupt(signal.Signals(number).name)


def _put_aside_the_handler_of_children() -> None:
    """A loading process that dies is no news after a request, which launchers send to the whole group.

    Torch's handler would raise RuntimeError wherever the main thread is: also while it records the interruption.
    """
    current = signal.getsignal(signal.SIGCHLD)
    if callable(current) and current is not _nothing:
        _State.children = signal.signal(signal.SIGCHLD, _nothing)


def _nothing(number: int, frame: FrameType | None) -> None:
    """Not SIG_DFL: Python complains of a pending signal whose handler is gone."""
