"""Plots: what is drawn is what was given, and the same each time."""

from __future__ import annotations

import numpy as np
import pytest

from sansa_lightning.figures.plots import bars_plot, beside, curves_plot, figure, points_plot, table_plot

POINTS = np.random.default_rng(0).normal(size=(12, 2))


def test_panels_get_what_is_given():
    seen = []

    def draw(axes):
        axes.bar([0, 1], [2.0, 3.0], label="one")
        seen.append([patch.get_height() for patch in axes.patches])

    picture = figure([draw, draw], legend=True)
    assert seen == [[2.0, 3.0], [2.0, 3.0]]
    assert picture.mode == "RGB"
    assert np.array_equal(np.asarray(picture), np.asarray(figure([draw, draw], legend=True)))


@pytest.mark.parametrize("classes", [2, 25])
def test_each_class_has_a_colour_of_its_own(classes):
    labels = np.arange(12) % classes
    names = {number: f"class {number}" for number in range(classes)}
    picture = np.asarray(points_plot({"frozen": POINTS, "adapted": -POINTS}, labels.tolist(), names))
    assert len(np.unique(picture.reshape(-1, 3), axis=0)) > min(classes, 12)


def test_bars_of_a_group_stand_side_by_side_around_it():
    centres, widths = zip(*(beside(place, 2, 3) for place in (0, 1)), strict=True)
    assert centres[0] == pytest.approx([-0.2, 0.8, 1.8])
    assert centres[1] == pytest.approx([0.2, 1.2, 2.2])
    assert max(widths) <= 0.4  # they do not overlap
    assert beside(0, 1, 2)[0].tolist() == [0, 1]


def test_gaps_and_nothing_can_be_drawn():
    gaps = bars_plot({"by size": {"< 1 %": {"frozen": 0.2, "adapted": None}, "> 20 %": {"frozen": 0.4}}}, "IoU")
    whole = bars_plot({"by size": {"< 1 %": {"frozen": 0.2, "adapted": 0.3}, "> 20 %": {"frozen": 0.4}}}, "IoU")
    assert not np.array_equal(np.asarray(gaps), np.asarray(whole))
    zeros = table_plot({"frozen": np.zeros((2, 3))}, ["a", "b"], ["x", "y", "z"])
    ones = table_plot({"frozen": np.eye(2, 3)}, ["a", "b"], ["x", "y", "z"])
    assert not np.array_equal(np.asarray(zeros), np.asarray(ones))
    curves = {"frozen": ([1, 2, 4], [0.1, 0.5, 1.0])}
    logarithmic, linear = (np.asarray(curves_plot(curves, "t", "x", "y", log=log)) for log in (True, False))
    assert not np.array_equal(logarithmic, linear)
