"""What counts as the result of a run: it came to its end, trained, and its scores are of one and the same model."""

from __future__ import annotations

import json

import pytest

from sansa_lightning.ablate.jobs import Job
from sansa_lightning.ablate.scores import run_scores

TEST = {"metrics": {"test": {"miou": 0.5, "fb_iou": 0.6}}}


@pytest.fixture
def job(tmp_path):
    """Builds a job and writes its results."""

    def build(result=None, in_domain=None, config="", trains=True):
        made = Job("a", "a", tmp_path / "run", config, trains=trains, in_domain=in_domain is not None)
        for file, content in ((made.result_file, result), (made.in_domain_file, in_domain)):
            file.parent.mkdir(parents=True, exist_ok=True)
            if content is not None:
                file.write_text(json.dumps(TEST | content))
        return made

    return build


@pytest.mark.parametrize("status", ["running", "interrupted", "failed", None])
def test_only_what_is_finished_has_scores(status, job):
    made = job({"status": status})
    assert (made.result(), made.finished(), run_scores(made, in_domain=False)) == ({}, False, None)
    made = job({"status": "finished", "trained": True})
    assert made.finished()
    assert run_scores(made, in_domain=False).miou == 0.5


@pytest.mark.parametrize("key", ["max_epochs", "max_steps", "limit_train_batches"])
def test_a_row_that_trained_nothing_is_none_unless_that_was_asked_for(key, job):
    result = {"status": "finished", "trained": False}
    assert not job(result, config="trainer: {max_epochs: 5}").finished()
    assert not job(result).finished()
    assert job(result, config=f"trainer: {{{key}: 0}}").finished()


def test_a_score_in_domain_is_of_the_model_that_came_of_the_run(job):
    early, late = ({"status": "finished", "time": f"2026-01-0{day}T00:00:00+00:00"} for day in (1, 2))
    assert job(early, late).finished()
    assert run_scores(job(early, late), in_domain=True).in_domain == 0.5
    stale = job(late, early)  # of a run that was only half trained by then
    assert not stale.finished()
    assert run_scores(stale, in_domain=True).in_domain is None
    assert job(late | {"status": "interrupted"}, late).in_domain_result() == {}
