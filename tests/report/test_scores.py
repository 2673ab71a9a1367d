"""What counts as the result of a run: it came to its end, trained, and its scores are of one and the same model."""

from __future__ import annotations

import json

import pytest

from sansa_lightning.report.scores import IN_DOMAIN, RunScores, finished_result, in_domain_result, run_scores

TEST = {"metrics": {"test": {"miou": 0.5, "fb_iou": 0.625}}}


@pytest.fixture
def folder(tmp_path):
    """Writes the results of a run."""

    def write(result=None, in_domain=None, name="result.json"):
        for file, content in ((tmp_path / name, result), (tmp_path / IN_DOMAIN / "result_test.json", in_domain)):
            file.parent.mkdir(exist_ok=True)
            file.unlink(missing_ok=True)
            if content is not None:
                file.write_text(json.dumps(TEST | content))
        return tmp_path

    return write


@pytest.mark.parametrize("status", ["running", "interrupted", "failed", None])
def test_only_what_is_finished_has_scores(status, folder):
    assert finished_result(folder({"status": status}), "fit") is None
    assert run_scores(folder({"status": status}), "fit", in_domain=False) is None
    assert run_scores(folder(), "fit", in_domain=False) is None
    assert run_scores(folder({"status": "finished", "trained": True}), "fit", in_domain=False).miou == 0.5
    assert run_scores(folder({"status": "finished"}), "test", in_domain=False) is None
    there = folder({"status": "finished"}, name="result_test.json")
    assert run_scores(there, "test", in_domain=False).miou == 0.5


@pytest.mark.parametrize("key", ["max_epochs", "max_steps", "limit_train_batches"])
def test_a_row_that_trained_nothing_is_none_unless_that_was_asked_for(key, folder):
    result = {"status": "finished", "trained": False}
    assert finished_result(folder(result | {"config": {"trainer": {"max_epochs": 5}}}), "fit") is None
    assert finished_result(folder(result), "fit") is None
    assert finished_result(folder(result | {"config": {"trainer": {key: 0}}}), "fit") is not None


def test_a_score_in_domain_is_of_the_model_that_came_of_the_run(folder):
    early, late = ({"status": "finished", "time": f"2026-01-0{day}T00:00:00+00:00"} for day in (1, 2))
    assert run_scores(folder(early, late), "fit", in_domain=True).in_domain == 0.5
    assert run_scores(folder(early, late), "fit", in_domain=False).in_domain is None
    stale = folder(late, early)  # of a run that was only half trained by then
    assert in_domain_result(stale, "fit") is None
    assert run_scores(stale, "fit", in_domain=True).in_domain is None
    assert in_domain_result(folder(late | {"status": "interrupted"}, late), "fit") is None
    assert run_scores(folder(late), "fit", in_domain=True).in_domain is None


def test_each_score_is_that_of_the_file(folder):
    controls = {"wrong_miou": 0.25, "margin": 0.25, "everything_miou": 0.375, "choice": None, "choice_chance": 0.5}
    probe = {"stage": 2, "cells": 0.75, "objects": 1.0, "chance": 0.125}
    test = TEST["metrics"]["test"] | {"controls": controls, "probe": probe, "classes": []}
    result = {"status": "finished", "metrics": {"test": test}, "trained_parameters": 7, "seconds": 2.0}
    there = folder(result, {"status": "finished"})
    (there / "attempts.json").write_text('{"a": 1.0, "b": 0.5}')
    assert run_scores(there, "fit", in_domain=True) == RunScores(
        miou=0.5,
        fb_iou=0.625,
        in_domain=0.5,
        wrong_miou=0.25,
        margin=0.25,
        everything_miou=0.375,
        choice=None,
        choice_chance=0.5,
        probe=0.75,
        probe_chance=0.125,
        trained_parameters=7,
        seconds=3.5,
    )
