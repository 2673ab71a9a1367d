"""What is said of runs that go on."""

from __future__ import annotations

import threading
from pathlib import Path

from sansa_lightning.ablate.jobs import Job
from sansa_lightning.ablate.progress import Watch, watched
from sansa_lightning.callbacks.progress import ProgressLines

STEP = "train: step {} of 200, rate 6.0e-03, loss 0.4123, 2.7 steps/s, 30 s left\n"


def job(tmp_path: Path, name: str) -> Job:
    folder = tmp_path / name
    (folder / "in_domain").mkdir(parents=True)
    return Job(name, identity=name, folder=folder, config="", trains=True, in_domain=True)


def write(job: Job, text: str, folder: str = "") -> None:
    with (job.folder / folder / "log.txt").open("a") as file:
        file.write(text)


def test_where_each_run_is(tmp_path):
    jobs = [job(tmp_path, f"Row {number}, fold 0, seed 0") for number in range(4)]
    write(jobs[0], STEP.format(170))  # of an earlier attempt
    watch = Watch(jobs)
    assert watch.lines() == []
    for each in jobs[:3]:
        write(each, "fit: recipe few_shot, configured by row.yaml\n")
    write(jobs[1], STEP.format(10) + STEP.format(20) + "a warning\n")
    write(jobs[2], STEP.format(200) + "test: batch 3 of 80, 2.0 s a batch, 2 min 34 s left\n")
    assert watch.lines() == [
        "Row 0, fold 0, seed 0: started",
        f"Row 1, fold 0, seed 0: {STEP.format(20).strip()}",
        "Row 2, fold 0, seed 0: test: batch 3 of 80, 2.0 s a batch, 2 min 34 s left",
    ]
    write(jobs[0], "x" * 9000 + "\n" + STEP.format(171))
    write(jobs[2], "test: batch 70 of 80, 2.0 s a batch, 20 s left\n", "in_domain")
    watch.ended(jobs[1].identity)
    assert watch.lines() == [
        f"Row 0, fold 0, seed 0: {STEP.format(171).strip()}",
        "Row 2, fold 0, seed 0: test: batch 70 of 80, 2.0 s a batch, 20 s left",
    ]


def test_what_a_run_says_is_what_is_looked_for(tmp_path):
    run = job(tmp_path, "Row, seed 1")
    watch, times = Watch([run]), iter(range(0, 300, 60))
    progress = ProgressLines(lambda: next(times), lambda line: write(run, line + "\n"))
    for where in ("train: step", "validation: batch", "test: batch", "predict: batch"):
        progress._say(where, 3, 9, [], 3, "step")
        assert watch.lines() == [f"Row, seed 1: {where} 3 of 9"]


def test_lines_come_while_runs_go_on(tmp_path):
    run, heard = job(tmp_path, "Row, seed 1"), threading.Event()
    said: list[str] = []

    def say(line: str) -> None:
        said.append(line)
        heard.set()

    with watched([run], say, every=0.001) as watch:
        write(run, STEP.format(30))
        assert heard.wait(60)
        watch.ended(run.identity)
    assert set(said) == {f"Row, seed 1: {STEP.format(30).strip()}"}
