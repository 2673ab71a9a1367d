from __future__ import annotations

import os
import threading
import time
from pathlib import Path

import pytest

from sansa_lightning.ablate.execute import Outcome
from sansa_lightning.ablate.file_lock import StoppedError
from sansa_lightning.ablate.jobs import Job
from sansa_lightning.ablate.launchers import local


def jobs(count: int) -> list[Job]:
    return [Job(str(n), str(n), Path(str(n)), "", trains=True, in_domain=False) for n in range(count)]


def test_so_many_run_at_once_and_share_the_cores(monkeypatch):
    running, most, threads_given = set(), [], []
    lock = threading.Lock()

    def execute(job, threads, stop):
        with lock:
            running.add(job.identity)
            most.append(len(running))
            threads_given.append(threads)
        time.sleep(0.05)
        with lock:
            running.discard(job.identity)
        return Outcome(job.identity, "", 0.0)

    monkeypatch.setattr(local, "execute", execute)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(7)))
    found = [outcome.identity for outcome in local.LocalLauncher(3).run(jobs(9))]
    assert sorted(found) == [str(n) for n in range(9)]
    assert max(most) == 3
    assert set(threads_given) == {2}


def test_closing_ends_what_runs_and_begins_nothing_more(monkeypatch):
    begun, ended = [], []

    def execute(job, threads, stop):
        begun.append(job.identity)
        if job.identity == "0":
            return Outcome("0", "", 0.0)
        assert stop.wait(20)
        ended.append(job.identity)
        raise StoppedError

    monkeypatch.setattr(local, "execute", execute)
    outcomes = local.LocalLauncher(1).run(jobs(5))
    assert next(outcomes).identity == "0"
    while len(begun) < 2:
        time.sleep(0.01)
    outcomes.close()
    assert begun == ["0", "1"]
    assert ended == ["1"]


def test_more_jobs_than_cores_have_a_thread_each(monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1})
    assert local.LocalLauncher(5).threads == 1
    with pytest.raises(ValueError, match="--jobs: expected at least 1, but got 0"):
        local.LocalLauncher(0)
