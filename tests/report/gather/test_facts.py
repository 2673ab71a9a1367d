"""Facts of a run by dotted keys, and conditions on them."""

from __future__ import annotations

import pytest

from fakes.run_folders import OWN, plain_result
from sansa_lightning.report.gather.facts import differences, fact, meets
from sansa_lightning.runs.result import RunResult

RESULT = RunResult.from_plain(plain_result(changes={"data.prompt": {"class_path": OWN + "BoxPrompt"}}))


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("strategy", "AdaptFormer"),
        ("strategy.placement", [2, 3]),
        ("method", "Sansa"),
        ("base", "sam2_hiera_large"),
        ("batch", 32),
        ("losses", ["BCE", "Dice"]),
        ("score_size", "clip"),
        ("data.source", "Coco"),
        ("data.source.root", "/data/coco"),
        ("data.protocol.fold", 0),
        ("data.test_order", "RandomEpisodes"),
        ("data.prompt", "BoxPrompt"),
        ("model.optimizer", "AdamW"),
        ("model.optimizer.lr", 1e-4),
        ("data.nothing.of.the.kind", None),
        ("sources", []),
    ],
)
def test_a_fact_is_named_by_its_key(key, value):
    assert fact(RESULT, key) == value


def test_an_empty_result_has_no_facts():
    empty = RunResult()
    for key in ("strategy", "strategy.factor", "method", "base", "batch", "losses", "data.size"):
        assert fact(empty, key) is None


def test_a_list_is_of_values_that_are_all_right():
    assert meets(RESULT, {"data.source": ["Lvis", "Coco"], "data.size": 640, "data.memorise": False})
    assert meets(RESULT, {"strategy.placement": [[2, 3]]})
    assert not meets(RESULT, {"data.source": ["Lvis"]})
    assert not meets(RESULT, {"data.memorise": 0})  # a number is no truth value
    assert not meets(RESULT, {"trainer.gradient_clip_val": True})


def test_differences_name_both_values():
    said = differences(RESULT, {"data.size": 518, "data.prompt": [None, "MaskPrompt"], "data.shots": 1})
    assert said == ["data.size 640, the paper's 518", "data.prompt 'BoxPrompt', the paper's 'MaskPrompt'"]
