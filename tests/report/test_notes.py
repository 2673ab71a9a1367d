"""Notes below a table."""

from __future__ import annotations

import pytest

from sansa_lightning.report.notes import run_notes
from sansa_lightning.report.rows import PlannedRow


def planned(name, **data):
    usual = {"train_length": 8, "batch_size": 2, "test_episodes": 5, "shots": 1}
    model = {"base": {"name": "nano"}, "strategy": {"class_path": "x.Frozen"}}
    config = {"data": usual | data, "trainer": {"max_steps": -1, "max_epochs": 2}, "model": model}
    return PlannedRow(name=name, config=config, runs={(0, 0): "a"})


def test_rows_scored_at_different_sizes_are_told_apart():
    original = {"score_at": "original"}
    rows = [planned("a"), planned("b", **original), planned("c", **original, score_align_corners=True)]
    training = [line for line in run_notes(rows) if line.startswith("training: ")]
    assert [line.partition("1 reference")[2] for line in training] == [
        "",
        ", scored at original size",
        ", scored at original size with corners aligned",
    ]


@pytest.mark.parametrize(
    ("length", "words"), [(8, "8 clips per epoch"), (None, "as many clips as training images per")]
)
def test_the_length_of_an_epoch(length, words):
    assert words in run_notes([planned("a", train_length=length)])[0]
