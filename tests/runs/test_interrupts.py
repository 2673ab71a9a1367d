"""Requests to end: what the main thread sees of them, and with what status and line a process leaves."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import contextmanager, suppress
from types import SimpleNamespace

import pytest

from launches import TESTS
from sansa_lightning.runs import interrupts
from sansa_lightning.runs.interrupts import check, first_process, heard, interruptible, listening, renew

BOTH = pytest.mark.parametrize("number", interrupts.REQUESTS, ids=lambda number: number.name)


def ask(number: int = signal.SIGTERM) -> None:
    os.kill(os.getpid(), number)
    time.sleep(0.05)  # so that it arrives here


@pytest.fixture
def leave(capsys):
    """Exit status and lines on stderr of a main function under :func:`interruptible`; and what was released."""

    def run(main) -> tuple[object, list[str], list[str]]:
        released = []
        decorated = interruptible(lambda name: f"heard {name}", lambda: released.append("released"))(main)
        with pytest.raises(SystemExit) as ended:
            decorated()
        return ended.value.code, capsys.readouterr().err.splitlines(), released

    return run


def test_a_loading_process_that_dies_while_the_interruption_is_recorded_changes_nothing(capsys):
    def torchs(*_: object) -> None:
        raise RuntimeError("DataLoader worker (pid 1) is killed by signal: Terminated.")

    def say(name: str) -> str:
        subprocess.run([sys.executable, "-S", "-c", ""], check=True)  # ends, and SIGCHLD arrives
        return f"heard {name}"

    before = signal.signal(signal.SIGCHLD, torchs)
    try:
        with pytest.raises(SystemExit) as ended:
            interruptible(say)(lambda _: ask())()
        assert signal.getsignal(signal.SIGCHLD) is torchs
    finally:
        signal.signal(signal.SIGCHLD, before)
    assert (ended.value.code, capsys.readouterr().err) == (143, "heard SIGTERM\n")


@BOTH
def test_a_request_is_one_line_and_the_status_that_shells_give(number, leave):
    before = signal.getsignal(number)
    assert leave(lambda _: ask(number)) == (128 + number, [f"heard {number.name}"], ["released"])
    assert signal.getsignal(number) is before


def test_whatever_the_request_became_on_its_way_is_a_request(leave):
    def library(_: object) -> None:
        try:
            ask()
        except KeyboardInterrupt:
            raise RuntimeError("a loading process was killed") from None

    def lightning(_: object) -> None:
        try:
            ask(signal.SIGINT)
        except KeyboardInterrupt:
            sys.exit(1)

    def graceful(_: object) -> None:
        try:
            ask()
        except KeyboardInterrupt:
            raise SystemExit from None

    assert leave(library)[:2] == (143, ["heard SIGTERM"])
    assert leave(lightning)[:2] == (130, ["heard SIGINT"])
    assert leave(graceful)[:2] == (143, ["heard SIGTERM"])


def test_a_request_that_a_library_swallowed_is_a_request(leave):
    def swallows(_: object) -> None:
        with suppress(KeyboardInterrupt):
            ask()

    assert leave(swallows) == (143, ["heard SIGTERM"], ["released"])


def test_what_has_been_said_is_not_said_again(leave):
    def ablate(_: object) -> None:
        try:
            ask()
        except KeyboardInterrupt:
            sys.stderr.write("interrupted by SIGTERM: 1 of 2 runs\n")
            raise SystemExit(143) from None

    assert leave(ablate) == (143, ["interrupted by SIGTERM: 1 of 2 runs"], ["released"])


def test_what_a_request_ends_elsewhere_is_not_told(leave, monkeypatch):
    """A thread that serves loading processes calls sys.excepthook itself; Python calls the other for finalisers."""
    told = []
    monkeypatch.setattr(sys, "excepthook", lambda kind, *_: told.append(kind))
    monkeypatch.setattr(sys, "unraisablehook", lambda found: told.append(found.exc_type))
    request = SimpleNamespace(exc_type=KeyboardInterrupt)

    def elsewhere() -> None:
        thread = threading.Thread(target=lambda: sys.excepthook(ConnectionResetError, ConnectionResetError(), None))
        thread.start()
        thread.join()

    def run(_: object) -> None:
        elsewhere()
        sys.unraisablehook(request)
        try:
            ask()
        finally:
            elsewhere()
            sys.unraisablehook(request)
            sys.unraisablehook(SimpleNamespace(exc_type=ZeroDivisionError))

    assert leave(run)[0] == 143
    assert told == [ConnectionResetError, KeyboardInterrupt, ZeroDivisionError]


def test_a_loading_process_that_loses_this_one_says_nothing(capfd):
    """Its threads serve tensors to a process that was killed; anything else that goes wrong there is said."""
    with listening():
        child = os.fork()
        if not child:
            for error in (ConnectionResetError("lost"), ZeroDivisionError("said")):
                thread = threading.Thread(target=sys.excepthook, args=(type(error), error, None))
                thread.start()
                thread.join()
            sys.stderr.flush()
            os._exit(0)
        assert os.waitpid(child, 0)[1] == 0
    assert capfd.readouterr().err.splitlines() == ["ZeroDivisionError: said"]


def test_an_error_of_its_own_is_left_alone(leave):
    def fails(_: object) -> None:
        raise SystemExit(2)

    assert leave(fails) == (2, [], ["released"])
    assert heard() is None


def test_a_further_process_says_nothing_and_waits_for_the_first_one(leave, monkeypatch):
    monkeypatch.setenv("LOCAL_RANK", "1")
    monkeypatch.setattr(interrupts, "LET_THE_FIRST_END", 0.2)
    started = time.monotonic()
    assert leave(lambda _: ask()) == (143, [], ["released"])
    assert time.monotonic() - started >= 0.2


@pytest.mark.parametrize("key", ["RANK", "LOCAL_RANK", "NODE_RANK", "SLURM_PROCID"])
def test_which_process_is_the_first(key, monkeypatch):
    for each in ("RANK", "LOCAL_RANK", "NODE_RANK", "GROUP_RANK", "SLURM_PROCID"):
        monkeypatch.delenv(each, raising=False)
    assert first_process()
    monkeypatch.setenv(key, "0")
    assert first_process()
    monkeypatch.setenv(key, "3")
    assert not first_process()


def test_the_same_request_may_come_twice_and_a_later_one_is_another(monkeypatch):
    with listening():
        with pytest.raises(KeyboardInterrupt, match="SIGTERM"):
            ask()
        ask(signal.SIGINT)  # a terminal sends to the whole group
        assert heard() == signal.SIGTERM
        monkeypatch.setattr(interrupts, "SAME", 0.0)
        with pytest.raises(KeyboardInterrupt, match="SIGINT"):
            ask(signal.SIGINT)
        assert heard() == signal.SIGTERM


def test_a_request_that_is_lost_in_a_finaliser_is_found_again():
    class Loses:
        def __del__(self) -> None:
            ask()

    check()
    with listening():
        with unraisable_is_quiet():
            Loses()
        with pytest.raises(KeyboardInterrupt, match="SIGTERM"):
            check()
    check()  # nobody listens any more


@contextmanager
def unraisable_is_quiet():
    """Python tells of an exception that nobody can catch; pytest would make a warning of it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "unraisablehook", lambda _: None)
        yield


def test_ours_come_back_after_a_library_has_put_its_own():
    with listening():
        signal.signal(signal.SIGTERM, lambda *_: None)
        ask()
        assert heard() is None
        renew()
        with pytest.raises(KeyboardInterrupt):
            ask()
    before = signal.getsignal(signal.SIGTERM)
    renew()  # nobody listens
    assert signal.getsignal(signal.SIGTERM) is before


def test_what_is_ignored_stays_ignored():
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with listening():
            renew()
            ask(signal.SIGINT)
            assert heard() is None
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)


def test_within_another_block_and_in_other_threads_nothing_changes():
    with listening():
        with pytest.raises(KeyboardInterrupt), listening():
            ask()
        assert heard() == signal.SIGTERM
    inside: list[object] = []

    def other() -> None:
        with listening():
            inside.append(signal.getsignal(signal.SIGTERM))

    thread = threading.Thread(target=other)
    thread.start()
    thread.join()
    assert inside == [signal.getsignal(signal.SIGTERM)]


def test_a_forked_process_does_not_speak_for_its_parent():
    with listening():
        child = os.fork()
        if not child:
            try:
                ask()
            except KeyboardInterrupt as error:
                os._exit(7 if not error.args and heard() is None else 8)
            os._exit(9)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
        assert heard() is None


@BOTH
def test_the_command_line_hears_while_it_is_still_imported(number):
    """Before torch is there: 10 seconds of every run."""
    waits = (
        "import os, runpy, signal, sys, time\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "class Finder:\n"
        "    def find_spec(self, name, *rest):\n"
        "        if name == 'torch':\n"
        "            print('importing', flush=True); time.sleep(60)\n"
        "sys.meta_path.insert(0, Finder())\n"
        "sys.argv = ['sansa_lightning', 'fit']\n"
        "runpy.run_module('sansa_lightning', run_name='__main__')\n"
    )
    path = os.pathsep.join([str(TESTS.parent), os.environ.get("PYTHONPATH", "")])
    process = subprocess.Popen(
        [sys.executable, "-c", waits],
        env={**os.environ, "PYTHONPATH": path},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "importing\n"
    process.send_signal(number)
    _, err = process.communicate(timeout=60)
    first, said = err.splitlines()
    assert first == "fit: recipe few_shot, configured by its defaults"
    assert (process.returncode, said) == (128 + number, f"interrupted by {number.name}: run the same command again")


@BOTH
def test_a_process_whose_work_is_done_ends_in_its_own_time(number):
    """Its result is written, and Python takes a second to end."""
    ends = (
        "import atexit, signal, sys, time\n"
        "from sansa_lightning.__main__ import program\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "class Slow:\n"
        "    def __del__(self, sleep=time.sleep): print('late', flush=True); sleep(0.5)\n"
        "slow = Slow()\n"
        "atexit.register(lambda: (print('ending', flush=True), time.sleep(0.5)))\n"
        "sys.argv = ['sansa_lightning', '--version']\n"
        "program()\n"
    )
    path = os.pathsep.join([str(TESTS.parent), os.environ.get("PYTHONPATH", "")])
    process = subprocess.Popen(
        [sys.executable, "-c", ends], env={**os.environ, "PYTHONPATH": path}, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    for line in process.stdout:
        if line.strip() in ("ending", "late"):
            process.send_signal(number)
    assert process.wait(timeout=60) == 0
