from __future__ import annotations

import errno
import fcntl
import json
import os
import subprocess
import sys
import threading
import time
from dataclasses import replace

import pytest

from launches import wait_for
from sansa_lightning.ablate import execute as module
from sansa_lightning.ablate import file_lock
from sansa_lightning.ablate.execute import execute, last_error
from sansa_lightning.ablate.file_lock import LOCK, StoppedError
from sansa_lightning.ablate.jobs import Job


@pytest.fixture
def job(tmp_path) -> Job:
    config = json.dumps({"data": {"protocol": {"class_path": "Strict", "init_args": {"fold": 0}}}})
    return Job("a", "a", tmp_path / "run", config, trains=True, in_domain=False)


def program(text: str):
    """In the place of the command line: a Python program of one line, which finds the run's folder in argv."""
    return lambda subcommand, config: [sys.executable, "-c", text, str(config.parent)]


def test_a_run_that_another_process_is_at_is_waited_for_and_not_repeated(job, monkeypatch):
    monkeypatch.setattr(file_lock, "PATIENCE", 0.02)
    monkeypatch.setattr(module, "program", program("raise SystemExit('started twice')"))
    job.folder.mkdir()
    outcomes = []
    with (job.folder / LOCK).open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        waiting = threading.Thread(target=lambda: outcomes.append(execute(job, 1)))
        waiting.start()
        time.sleep(0.2)
        assert outcomes == []
        job.result_file.write_text('{"status": "finished"}')
    waiting.join(20)
    assert [outcome.error for outcome in outcomes] == [""]


def test_waiting_ends_when_everything_is_to_end(job, monkeypatch):
    stop = threading.Event()
    stop.set()
    job.folder.mkdir()
    with (job.folder / LOCK).open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        with pytest.raises(StoppedError):
            execute(job, 1, stop)


def test_a_process_that_does_not_end_when_asked_to_is_made_to(job, monkeypatch):
    monkeypatch.setattr(module, "GRACE", 0.3)
    monkeypatch.setattr(module, "PATIENCE", 0.02)
    deaf = (
        "import signal, sys, time; signal.signal(15, lambda *_: None); open(sys.argv[1] + '/up', 'w'); time.sleep(60)"
    )
    monkeypatch.setattr(module, "program", program(f"{deaf}; time.sleep(60)"))
    stop, ends = threading.Event(), []

    def run() -> None:
        try:
            execute(job, 1, stop)
        except StoppedError as error:
            ends.append(error)

    running = threading.Thread(target=run)
    running.start()
    while not (job.folder / "up").exists():
        time.sleep(0.02)
    stop.set()
    running.join(20)
    assert len(ends) == 1


def test_a_process_has_its_threads_and_no_folder_of_another_run(job, monkeypatch):
    monkeypatch.setenv("SANSA_RUN_DIR", "elsewhere")
    says = "print('error:', os.environ['OMP_NUM_THREADS'], os.environ.get('SANSA_RUN_DIR'))"
    monkeypatch.setattr(module, "program", program(f"import os; {says}; raise SystemExit(2)"))
    assert execute(job, 3).error == "3 None"


@pytest.mark.parametrize(
    ("log", "status", "said"),
    [
        ("one\nerror: what is wrong\n\n", 2, "what is wrong"),
        ("Traceback\n  File x\nRuntimeError: odd\n", 1, "RuntimeError: odd"),
        ("", 3, "exit status 3"),
        ("step 12\n", -9, "killed by signal 9"),
        ("error: a warning\nTraceback (most recent call last):\n  File x\nRuntimeError: odd\n", 1, "RuntimeError: odd"),
        ("Traceback (most recent call last):\nKeyError: 1\nerror: in short\nbye\n", 1, "in short"),
    ],
)
def test_what_a_process_said_last_is_its_error(log, status, said, tmp_path):
    (tmp_path / "log.txt").write_text(log)
    assert last_error(tmp_path / "log.txt", status) == said


def test_an_error_of_an_earlier_attempt_is_not_the_last_one(job, monkeypatch):
    monkeypatch.setattr(module, "program", program("print('error: the disk is full'); raise SystemExit(2)"))
    assert execute(job, 1).error == "the disk is full"
    monkeypatch.setattr(module, "program", program("raise SystemExit('the network is down')"))
    assert execute(job, 1).error == "the network is down"
    monkeypatch.setattr(module, "program", program("raise SystemExit(3)"))
    assert execute(job, 1).error == "exit status 3"
    log = (job.folder / module.LOG).read_text()
    assert log == "error: the disk is full\nthe network is down\n"


def test_the_seconds_of_a_run_are_those_of_all_attempts_that_it_went_on_from(job, monkeypatch):
    def ends(*, error="", **result):
        content = json.dumps(result)
        monkeypatch.setattr(
            module, "program", program(f"import sys; open(sys.argv[1] + '/result.json', 'w').write({content!r})")
        )
        assert execute(job, 1).error == error

    failed = "it ended, but result.json says 'failed'"
    ends(status="failed", time="1", seconds=100.0, error=failed)  # before its first checkpoint: what it did is lost
    checkpoint = job.folder / "checkpoints" / "last.ckpt"
    ends(status="failed", time="2", seconds=10.0, error=failed)
    checkpoint.parent.mkdir()
    checkpoint.touch()
    ends(status="running", time="3", seconds=1.0, error="it ended, but result.json says 'running'")
    began = job.result_file.stat().st_mtime
    os.utime(checkpoint, (began + 20, began + 20))  # killed at some time after this
    monkeypatch.setattr(module, "program", program("raise SystemExit(1)"))
    assert execute(job, 1).error == "exit status 1"  # at once, so it left no result
    assert job.scores(in_domain=False) is None
    ends(status="finished", time="5", seconds=5.0, metrics={})
    assert job.scores(in_domain=False).seconds == pytest.approx(10 + 1 + 20 + 5, abs=0.2)


WRITES = "import json, sys; json.dump({content}, open(sys.argv[1] + '/result.json', 'w'))"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ({"status": "interrupted"}, "it ended, but result.json says 'interrupted'"),
        ({"status": "finished", "trained": False}, "it ended, but result.json says that nothing was trained"),
        (None, "it ended, but left no result.json"),
    ],
)
def test_a_run_that_is_not_finished_is_not_scored_further_although_its_process_ended_well(
    content, said, job, monkeypatch
):
    """As after a signal that a library took for a reason to end well."""
    text = "" if content is None else WRITES.format(content=content)
    commands = []
    monkeypatch.setattr(module, "program", lambda *given: commands.append(given) or program(text)(*given))
    assert execute(replace(job, in_domain=True), 1).error == said
    assert [subcommand for subcommand, _ in commands] == ["fit"]


def test_a_file_system_without_locks(job, monkeypatch):
    def none(*_: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", none)
    monkeypatch.setattr(module, "program", program(WRITES.format(content={"status": "finished"})))
    with pytest.warns(UserWarning, match="cannot be locked"):
        assert execute(job, 1).error == ""


@pytest.mark.slow
def test_a_killed_parent_leaves_its_run_locked_until_it_ends(job, tmp_path):
    """The run's own process holds the lock, so nobody starts it a second time beside it."""
    waits = "import os, sys, time; open(sys.argv[1] + '/up', 'w'); "
    waits += "any(os.path.exists(sys.argv[1] + '/end') or time.sleep(0.1) for _ in range(2400))"
    parent = (
        "import sys; from pathlib import Path; from sansa_lightning.ablate import execute as m; "
        "from sansa_lightning.ablate.jobs import Job; "
        f"m.program = lambda s, c: [sys.executable, '-c', {waits!r}, str(c.parent)]; "
        f"m.execute(Job('a', 'a', Path({str(job.folder)!r}), {job.config!r}, True, False), 1)"
    )
    process = subprocess.Popen([sys.executable, "-c", parent])
    wait_for((job.folder / "up").exists)
    process.kill()
    process.wait()
    with (job.folder / LOCK).open("a") as file:
        with pytest.raises(BlockingIOError):
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        (job.folder / "end").touch()
        fcntl.flock(file, fcntl.LOCK_EX)  # and is free once that has ended
