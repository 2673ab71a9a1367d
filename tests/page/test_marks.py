from __future__ import annotations

import json

import numpy as np
import pytest

from sansa_lightning.page.marks import Marks, mask_of_runs


def test_clicks_and_box_are_scaled_to_the_clip():
    marks = Marks().with_click((30, 10, 1)).with_click((5, 5, 0)).with_box((40, 20), (10, 0))
    prompt = marks.prompt((20, 60), 120)
    assert prompt.coords.tolist() == [[20, 0], [80, 120], [60, 60], [10, 30]]
    assert prompt.labels.tolist() == [2, 3, 1, 0]


def test_a_mask_comes_back_by_itself():
    mask = np.zeros((20, 60), bool)
    mask[3:9, 10:50] = True
    marks = Marks.of_mask(mask)
    assert np.array_equal(mask_of_runs(marks.runs, (20, 60)), mask)
    assert marks.prompt((20, 60), 40).dense.sum() == 12 * 27  # rows 6 to 17, columns at 1.5 times 7 to 33


@pytest.mark.parametrize(
    "marks",
    [Marks(((1.5, 2, 1),), (0, 0, 3, 4)), Marks(runs=Marks.of_mask(np.eye(5, dtype=bool)).runs), Marks()],
    ids=["clicks", "mask", "none"],
)
def test_marks_survive_a_file(marks):
    assert Marks.read(json.loads(json.dumps(marks.entry((5, 5)))), (5, 5)) == marks


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        (lambda: Marks().prompt((5, 5), 8), "expected a click on the object"),
        (lambda: Marks(((1, 1, 0),)).prompt((5, 5), 8), "expected a click on the object"),
        (lambda: Marks().with_box((1, 1), (1, 4)), "two corners that are not in one line"),
        (lambda: Marks.of_mask(np.zeros((5, 5), bool)), "the mask is empty"),
        (lambda: Marks.of_mask(np.ones((5, 5), bool)).with_click((1, 1, 1)), "clear the mask first"),
        (lambda: Marks.read({"clicks": [], "box": None, "mask": {"size": [4, 4], "counts": "04"}}, (5, 5)), "size"),
    ],
)
def test_what_is_wrong_is_said(wrong, says):
    with pytest.raises(ValueError, match=says):
        wrong()
