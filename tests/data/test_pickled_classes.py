"""What the published pickles have in common."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from sansa_lightning.data.pickled_classes import Sizes, by_class, category_labels


def test_numbers_in_their_order():
    classes = by_class("x.pkl", {7: "a", "3": "b", np.int64(0): "c"})
    assert list(classes.items()) == [(7, "a"), (3, "b"), (0, "c")]
    assert category_labels(classes) == {7: "category 7", 3: "category 3", 0: "category 0"}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ([], r"expected a dictionary with an entry a class, but got \[\]"),
        ({}, r"expected a dictionary with an entry a class, but got \{\}"),
        ({"x": 1}, r"expected each class to be a number and there once, but got 'x'"),
        ({-1: 1}, r"expected each class to be a number and there once, but got -1"),
        ({True: 1}, r"expected each class to be a number and there once, but got True"),
        ({"3\u00b2": 1}, r"expected each class to be a number and there once, but got '3\u00b2'"),
        ({"\u0663": 1}, r"expected each class to be a number and there once, but got '\u0663'"),
        ({10**9: 1}, r"expected each class to be a number and there once, but got 1000000000"),
        ({3: 1, "3": 2}, r"expected each class to be a number and there once, but got '3'"),
    ],
)
def test_keys_of_something_else(content, message):
    with pytest.raises(ValueError, match=rf"^x.pkl: {message}"):
        by_class("x.pkl", content)


def test_sizes_are_looked_up_once(tmp_path):
    Image.new("RGB", (30, 20)).save(tmp_path / "a.png")
    sizes = Sizes(tmp_path)
    assert sizes.of("a.png", "x.pkl") == (20, 30)
    (tmp_path / "a.png").unlink()
    assert sizes.of("a.png", "x.pkl") == (20, 30)
    with pytest.raises(FileNotFoundError, match=r"b.png is not there; x.pkl: class 3 lists it"):
        sizes.of("b.png", "x.pkl: class 3")
