"""Placements: stages, the paper's names for them, and blocks."""

from __future__ import annotations

import logging

import numpy as np
import pytest
from jsonargparse import ArgumentParser

from builders import nano
from sansa_lightning.strategies.adaptformer import AdaptFormer
from sansa_lightning.strategies.base import Strategy
from sansa_lightning.strategies.placement import blocks_of, check_placement


@pytest.mark.parametrize(
    ("placement", "checked", "blocks"),
    [
        ([3, 1], (1, 3), [1, 6]),
        ("all", (0, 1, 2, 3), [0, 1, 2, 3, 4, 5, 6]),
        ("early", (0, 1), [0, 1]),
        ("middle", (1, 2), [1, 2, 3, 4, 5]),
        ("late", (2, 3), [2, 3, 4, 5, 6]),
        ("none", "none", []),
        ("blocks 4", "blocks 4", [4]),
        ("block 4", "blocks 4", [4]),
        ("blocks 6, 0-2,1 - 3", "blocks 0-3, 6", [0, 1, 2, 3, 6]),
    ],
)
def test_blocks_of_each_form(placement: list[int] | str, checked: tuple[int, ...] | str, blocks: list[int]) -> None:
    assert check_placement(placement, "LoRA") == checked
    again = list(checked) if isinstance(checked, tuple) else checked
    assert check_placement(again, "LoRA") == checked
    assert blocks_of(nano(), checked, "LoRA") == blocks


@pytest.mark.parametrize(
    "wrong", ["", "Late", "blocks", "blocks 3-", "blocks 5-3", "blocks x", "2,3", "blocks -1", "blocks 0-1000"]
)
def test_text_that_is_no_placement(wrong: str) -> None:
    message = (
        r"LoRA\.placement: expected stages as a list, none, all, early, middle, late, or blocks as 'blocks 0-2, 5'"
    )
    with pytest.raises(ValueError, match=message):
        check_placement(wrong, "LoRA")


@pytest.mark.parametrize("wrong", ["blocks 0-5000000", "blocks 1, 20000"])
def test_numbers_that_no_encoder_has_are_not_counted_up_to(wrong: str) -> None:
    with pytest.raises(ValueError, match=rf"blocks as 'blocks 0-2, 5', up to 999, but got '{wrong}'$"):
        check_placement(wrong, "LoRA")
    assert check_placement("blocks 0-999", "LoRA") == "blocks 0-999"


@pytest.mark.parametrize(
    ("wrong", "got"), [(3, "3"), ([True], r"\[True\]"), ([2.0], r"\[2\.0\]"), ([[2]], r"\[\[2\]\]"), (None, "None")]
)
def test_what_is_no_list_of_stages(wrong: object, got: str) -> None:
    message = rf"^LoRA\.placement: expected different stages out of \[0, 1, 2, 3\], but got {got}$"
    with pytest.raises(ValueError, match=message):
        check_placement(wrong, "LoRA")


def test_stages_of_numpy_become_pythons() -> None:
    checked = check_placement(np.array([3, 1]), "LoRA")
    assert checked == (1, 3)
    assert {type(stage) for stage in checked} == {int}


def test_blocks_beyond_the_last() -> None:
    message = (
        r"Mona\.placement: blocks 7-8 do not exist; this base has blocks 0-6 "
        r"\(stage 0: 0; stage 1: 1; stage 2: 2-5; stage 3: 6\), the nearest is 6"
    )
    with pytest.raises(ValueError, match=message):
        blocks_of(nano(), check_placement("blocks 5-8", "Mona"), "Mona")


def test_the_log_says_where(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        blocks_of(nano(), (2, 3), "LoRA")
        blocks_of(nano(), "none", "LoRA")
    assert [record.getMessage() for record in caplog.records] == [
        "LoRA is in 5 blocks: stage 2: 2-5; stage 3: 6",
        "LoRA.placement is 'none': nothing is injected, and it trains nothing",
    ]
    assert [record.levelname for record in caplog.records] == ["INFO", "WARNING"]


@pytest.mark.parametrize(
    ("text", "expected"), [("[2,3]", (2, 3)), ("late", (2, 3)), ("none", "none"), ("blocks 0-1, 3", "blocks 0-1, 3")]
)
def test_from_a_command_line(text: str, expected: tuple[int, ...] | str) -> None:
    parser = ArgumentParser()
    parser.add_argument("--strategy", type=Strategy)
    given = parser.parse_args(["--strategy=AdaptFormer", f"--strategy.placement={text}"])
    strategy = parser.instantiate(given).strategy
    assert isinstance(strategy, AdaptFormer)
    assert strategy.placement == expected
