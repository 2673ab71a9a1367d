"""Tables of what was scored alike, and the names of their rows."""

from __future__ import annotations

import pytest

from fakes.run_folders import NANO, write_run
from sansa_lightning.report.gather.find import find
from sansa_lightning.report.tables.groups import OTHER_FOLDS, group_tables

LORA = {"strategy": {"class": "LoRA", "settings": {"rank": 16}}}


@pytest.fixture
def grouped(tmp_path):
    """Writes miniature runs, and gives their tables by their rows."""

    def write(*runs, **_):
        for number, (changes, more) in enumerate(runs):
            write_run(tmp_path / str(number), changes=NANO | changes, **more)
        return group_tables(find([tmp_path]).runs, {}, "t")

    return write


def test_rows_are_named_by_what_tells_them_apart(grouped):
    found = grouped(({}, {}), ({"data.train_targets": 1}, {}), ({}, LORA), ({}, {"seed": 1}))
    ((table, _),) = found
    assert {row["row"]: row["runs"] for row in table.rows} == {
        "nano AdaptFormer Sansa (train_targets 3)": 2,
        "nano AdaptFormer Sansa (train_targets 1)": 1,
        "nano LoRA Sansa": 1,
    }


def test_what_was_scored_otherwise_is_in_a_table_of_its_own(grouped):
    found = grouped(({}, {}), ({"data.size": 64}, {}), ({"data.shots": 5}, {}))
    assert [table.title for table, _ in found] == [
        "Patterns, Strict, 1 reference, 96 pixels",
        "Patterns, Strict, 1 reference, 64 pixels",
        "Patterns, Strict, 5 references, 96 pixels",
    ]


def test_rows_of_other_folds_are_told_not_to_compare(grouped):
    ((table, _),) = grouped(({}, {}), ({}, LORA))
    assert OTHER_FOLDS not in table.notes
    ((table, _),) = grouped(({}, {}), ({}, LORA), ({}, {"fold": 1}))
    assert OTHER_FOLDS in table.notes


def test_training_makes_no_other_row_where_nothing_trains(grouped):
    frozen = {"strategy": {"class": "Frozen", "settings": {}}, "trained_parameters": 0}
    ((table, _),) = grouped(({}, frozen), ({"trainer.max_epochs": 3}, frozen | {"seed": 1}))
    assert [row["row"] for row in table.rows] == ["nano Frozen Sansa"]


def test_how_a_run_is_watched_and_cached_makes_no_other_row(grouped):
    for watched in (
        {"trainer.logger": {"class_path": "lightning.pytorch.loggers.CSVLogger", "init_args": {"save_dir": "x"}}},
        {"trainer.logger": [{"class_path": "lightning.pytorch.loggers.CSVLogger"}]},
        {"model.encoder_cache": {"folder": "x", "gigabytes": 3}},
        {"trainer.callbacks": {"class_path": "some.Callback"}},
    ):
        ((table, _),) = grouped(({}, {}), (watched, {"seed": 1}))
        assert [(row["row"], row["runs"]) for row in table.rows] == [("nano AdaptFormer Sansa", 2)]
