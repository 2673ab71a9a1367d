"""Recorded tables: which runs they know, and which are refused."""

from __future__ import annotations

import json

import pytest

from sansa_lightning.report.recorded import Recorded
from sansa_lightning.report.scores import NAMES

EMPTY = dict.fromkeys(NAMES)


def write(file, *runs, **more):
    content = {"identity_version": 2, "rows": [{"runs": [{"identity": key, **EMPTY, **run} for key, run in runs]}]}
    file.write_text(json.dumps({key: value for key, value in (content | more).items() if value is not None}))


def test_a_run_of_several_tables_is_known_by_the_one_that_says_most(tmp_path):
    write(tmp_path / "a.json", ("one", {"miou": 0.5, "in_domain": 0.25}), ("two", {"miou": 0.75}))
    write(tmp_path / "b.json", ("one", {"miou": 0.5}))
    found = Recorded.read(tmp_path, 2)
    assert found.of("one", in_domain=True).in_domain == 0.25
    assert found.of("two", in_domain=False).miou == 0.75
    assert found.of("two", in_domain=True) is None
    assert found.of("three", in_domain=False) is None


@pytest.mark.parametrize(("version", "said"), [(None, 1), (1, 1), (3, 3)])
def test_identities_of_another_version_are_refused_and_not_taken_for_runs_that_are_missing(version, said, tmp_path):
    write(tmp_path / "a.json")
    for name in ("b.json", "c.json"):
        write(tmp_path / name, ("one", {}), identity_version=version)
    with pytest.raises(
        ValueError, match=rf"2 of 3 tables have other .* version 2, first \S*b.json with version {said};"
    ):
        Recorded.read(tmp_path, 2)


@pytest.mark.parametrize("content", ["[]", "{", "{}", '{"rows": [{"runs": [{}]}]}'])
def test_what_is_no_table_is_refused(content, tmp_path):
    (tmp_path / "a.json").write_text(content)
    with pytest.raises(ValueError, match=r"^--recorded: \S*a.json is not a table that ablate wrote \("):
        Recorded.read(tmp_path, 2)


def test_a_folder_without_tables_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"^--recorded: expected a folder with tables"):
        Recorded.read(tmp_path, 2)
