from __future__ import annotations

import errno
import fcntl
import os
import signal
import socket
import subprocess
import sys

import pytest

from sansa_lightning.runs.lock import HeldError, take


def test_the_second_is_told_who_the_first_is(tmp_path):
    path = tmp_path / "fit.lock"
    lock = take(path)
    with pytest.raises(HeldError, match=f"^process {os.getpid()} on {socket.gethostname()}$"):
        take(path)
    lock.release()
    assert not path.exists()
    lock.release()  # nothing
    take(path).release()


def test_it_vanishes_with_its_process_and_is_not_inherited(tmp_path):
    path = tmp_path / "fit.lock"
    code = (
        "import os, sys, time; from pathlib import Path; from sansa_lightning.runs.lock import take\n"
        f"take(Path({str(path)!r}))\n"
        "if not os.fork(): print('forked', flush=True); time.sleep(600); os._exit(0)\n"  # as a loading process does
        "print('held', flush=True); time.sleep(600)"
    )
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, start_new_session=True)
    assert process.stdout is not None
    assert {process.stdout.readline() for _ in range(2)} == {"held\n", "forked\n"}
    with pytest.raises(HeldError, match=f"process {process.pid} on "):
        take(path)
    process.kill()
    process.wait()
    try:
        assert path.exists()
        take(path).release()
        assert not path.exists()
    finally:
        os.killpg(process.pid, signal.SIGKILL)


def test_a_lock_whose_file_was_taken_away_in_between_is_taken_anew(tmp_path, monkeypatch):
    path, flock, times = tmp_path / "fit.lock", fcntl.flock, []

    def slow(descriptor: int, operation: int) -> None:
        times.append(descriptor)
        if len(times) == 1:
            path.unlink()  # the holder ends after we have opened its file
        flock(descriptor, operation)

    monkeypatch.setattr(fcntl, "flock", slow)
    lock = take(path)
    assert len(times) == 2
    monkeypatch.undo()
    with pytest.raises(HeldError):
        take(path)
    lock.release()


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS])
def test_where_files_cannot_be_locked_it_warns_and_goes_on(number, tmp_path, monkeypatch):
    def none(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(fcntl, "flock", none)
    with pytest.warns(UserWarning, match=r"cannot be locked .*: make sure that no other run writes there"):
        lock = take(tmp_path / "fit.lock")
    assert lock.descriptor is None
    assert not list(tmp_path.iterdir())
    lock.release()
