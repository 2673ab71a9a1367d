from __future__ import annotations

from statistics import fmean, stdev

import pytest

from sansa_lightning.report.ranking import Ranked, conclusions, pairs, ranks

PLACES = [(fold, seed) for fold in (0, 1) for seed in (0, 1)]


def ranked(name, paper, *ours):
    return Ranked(name, paper, dict(zip(PLACES, ours, strict=False)))


ROWS = [
    ranked("good", 60.0, 0.62, 0.60, 0.42, 0.44),
    ranked("fair", 55.0, 0.52, 0.51, 0.31, 0.35),
    ranked("odd", 50.0, 0.72, 0.71, 0.50, 0.53),
    ranked("like good", 59.0, 0.60, 0.61, 0.44, 0.41),
]


def test_differences_are_paired_and_compared_with_their_own_spread():
    found = {(pair.better, pair.worse): pair for pair in pairs(ROWS)}
    assert len(found) == 6
    good_fair = [0.62 - 0.52, 0.60 - 0.51, 0.42 - 0.31, 0.44 - 0.35]
    pair = found["good", "fair"]
    assert pair.difference == pytest.approx(fmean(good_fair))
    assert pair.spread == pytest.approx(stdev(good_fair))
    assert stdev(ROWS[0].ours.values()) > pair.difference  # unpaired, folds would hide it
    assert {key: pair.verdict for key, pair in found.items()} == {
        ("good", "fair"): "agrees",
        ("good", "odd"): "disagrees",
        ("good", "like good"): "undecided",
        ("fair", "odd"): "disagrees",
        ("like good", "fair"): "agrees",
        ("like good", "odd"): "disagrees",
    }


def test_conclusions_count_pairs_and_name_those_that_disagree():
    lines = conclusions(pairs(ROWS))
    assert lines[0].startswith("order: agrees with the paper in 2 of 6 pairs, disagrees in 3, undecided 1 ")
    assert lines[0].endswith("by means alone it agrees in 3")
    assert len(lines) == 4
    assert "disagrees: the paper has good above odd; here it is 9.5 +- 1.3 below" in lines


def test_one_run_a_row_decides_nothing():
    lines = conclusions(pairs([ranked("a", 2.0, 0.9), ranked("b", 1.0, 0.1)]))
    assert lines[0].startswith("order: agrees with the paper in 0 of 1 pairs, disagrees in 0, undecided 1 ")
    assert lines[1] == "one fold and seed per row: no spread, so no pair is decided"


def test_only_what_both_have_is_compared_and_ties_of_the_paper_are_left_out():
    whole, part = ranked("whole", 2.0, 0.5, 0.6, 0.7), Ranked("part", 1.0, {(0, 1): 0.1, (9, 9): 0.9})
    (pair,) = pairs([whole, part])
    assert pair.difference == pytest.approx(0.6 - 0.1)
    assert pairs([whole, ranked("tie", 2.0, 0.1)]) == []
    assert pairs([whole, Ranked("elsewhere", 1.0, {(9, 9): 0.9})]) == []
    assert conclusions([]) == []


def test_ranks_begin_at_one_and_equal_values_share_theirs():
    assert ranks({"a": 3.0, "b": 5.0, "c": 3.0, "d": 1.0}) == {"b": 1, "a": 2, "c": 2, "d": 4}
