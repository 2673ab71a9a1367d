"""A run of a table: its folder, and whether all that it is to give is there."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from sansa_lightning.ablate.jobs import Job, find_folder, folder_name

DONE = json.dumps({"status": "finished", "metrics": {"test": {"miou": 0.5}}})


@pytest.mark.parametrize(("trains", "name"), [(True, "result.json"), (False, "result_test.json")])
def test_a_run_is_finished_when_all_that_it_is_to_give_is_there(trains, name, tmp_path):
    job = Job("a", "a", tmp_path, "", trains=trains, in_domain=False)
    both = replace(job, in_domain=True)
    assert not job.finished()
    (tmp_path / name).write_text(DONE)
    assert job.finished()
    assert not both.finished()
    both.in_domain_folder.mkdir()
    (both.in_domain_folder / "result_test.json").write_text(DONE)
    assert both.finished()
    assert both.scores(in_domain=True).in_domain == job.scores(in_domain=False).miou == 0.5


def test_a_folder_is_found_by_its_identity_whatever_row_it_was_made_for(tmp_path):
    assert folder_name("J = 1, all", 2, 0, "abc") == "J_1_all_fold2_seed0-abc"
    assert folder_name("*", None, 1, "abc") == "row_seed1-abc"
    assert find_folder(tmp_path, "One_seed0-abc") == tmp_path / "One_seed0-abc"
    (tmp_path / "Other_seed0-abc").mkdir()
    assert find_folder(tmp_path, "One_seed0-abc") == tmp_path / "Other_seed0-abc"
    assert find_folder(tmp_path, "One_seed0-abd") == tmp_path / "One_seed0-abd"
