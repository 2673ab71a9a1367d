"""Results of runs: files of every version are read, and parts of a run contribute without being asked what they are."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace

import pytest

from sansa_lightning.runs.result import NAMES, RunResult, contributions

WHOLE = {
    "status": "finished",
    "time": "2026-01-01T00:00:00+00:00",
    "command": ["sansa_lightning", "fit"],
    "versions": {"torch": "2.14.1"},
    "machine": {"device": "cpu"},
    "commit": "abc+changes",
    "steps": 8,
    "processes": 1,
    "strategy": {"class": "LoRA", "settings": {"rank": 4}},
    "base": {"name": "nano", "fingerprint": "f"},
    "trained_parameters": 12,
    "metrics": {"test": {"miou": 0.5, "fb_iou": 0.75, "classes": []}},
    "seed": 0,
    "episodes": {"test": "hash"},
    "notes": {},
    "score_size": "clip",
    "seconds": 1.5,
    "trained": True,
    "lacking": ["nothing was tested"],
    "error": "ValueError: odd",
    "wandb": {"id": "a", "project": "b"},
    "config": {"trainer": {"max_epochs": 5}},
}
"""Every key that a run of the commit before this type wrote, in its order."""


@pytest.mark.parametrize(("subcommand", "name"), [("fit", "result.json"), ("test", "result_test.json")])
def test_a_result_is_written_as_it_was_read(subcommand, name, tmp_path):
    assert tuple(WHOLE) == NAMES
    text = json.dumps(WHOLE, indent=2) + "\n"
    (tmp_path / name).write_text(text)
    found = RunResult.read(tmp_path, subcommand)
    assert found is not None
    assert (found.steps, found.scores("test")["miou"], found.scores("val")) == (8, 0.5, {})
    (tmp_path / name).unlink()
    found.write(tmp_path, subcommand)
    assert (tmp_path / name).read_text() == text
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_a_file_of_another_version_loses_nothing(tmp_path):
    content = {"status": "running", "method": {"class": "Sansa"}, "config": {}}
    (tmp_path / "result.json").write_text(json.dumps(content))
    found = RunResult.read(tmp_path)
    assert found is not None
    assert found.more == {"method": {"class": "Sansa"}}
    assert found.metrics is found.seconds is None
    replace(found, status="failed").write(tmp_path)
    again = json.loads((tmp_path / "result.json").read_text())
    assert again == content | {"status": "failed"}
    assert list(again) == list(content)


@pytest.mark.parametrize("content", [None, "{", "[1]", ""])
def test_what_is_no_result_is_none(content, tmp_path):
    if content is not None:
        (tmp_path / "result.json").write_text(content)
    assert RunResult.read(tmp_path) is None


@pytest.mark.parametrize(
    ("status", "trained", "trainer", "finished"),
    [
        ("finished", True, {}, True),
        ("finished", None, {}, True),  # a test
        ("finished", False, {"max_epochs": 5}, False),
        ("finished", False, {"max_epochs": 0}, True),
        ("finished", False, {"max_steps": 0}, True),
        ("finished", False, {"limit_train_batches": 0}, True),
        ("running", True, {}, False),
        (None, None, {}, False),
    ],
)
def test_a_run_is_finished_if_it_came_to_its_end_and_did_what_was_asked(status, trained, trainer, finished):
    assert RunResult(status=status, trained=trained, config={"trainer": trainer}).finished is finished
    assert RunResult(status=status, trained=trained).finished is (finished and trained is not False)


class Says:
    def __init__(self, said):
        self.said = said

    def record(self):
        return self.said


def test_parts_contribute_groups_of_keys_and_others_nothing():
    scores = {"miou": float("nan")}
    module, probe = Says({"metrics": {"test": scores}}), Says({"metrics": {"test": {"probe": 0.25}, "val": {}}})
    found = contributions({"status": "running"}, [module, object(), None, probe, Says({})])
    assert found["metrics"]["test"]["probe"] == 0.25
    assert set(found["metrics"]["test"]) == {"miou", "probe"}
    assert found["metrics"]["val"] == {}
    assert set(scores) == {"miou"}  # a part's own values stay as they are


def test_what_was_said_first_counts_and_the_other_is_named():
    parts = [Says({"metrics": {"test": {"miou": 0.5}}}), Says({"status": "odd", "metrics": {"test": {"miou": 0.6}}})]
    with pytest.warns(UserWarning, match=r"is in the result already") as warned:
        found = contributions({"status": "finished"}, parts)
    assert found == {"status": "finished", "metrics": {"test": {"miou": 0.5}}}
    assert [str(each.message) for each in warned] == [
        "Says.record: status is in the result already; left out",
        "Says.record: metrics.test.miou is in the result already; left out",
    ]


def test_reading_imports_neither_torch_nor_lightning():
    rooms = "sansa_lightning.runs.result, sansa_lightning.runs.attempts, sansa_lightning.report.render"
    rooms += ", sansa_lightning.report.recorded"
    code = f"import sys, {rooms}; print({{'torch', 'lightning', 'jsonargparse', 'numpy'}} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout == "set()\n"
