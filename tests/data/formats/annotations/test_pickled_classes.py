"""What the published pickles have in common."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from fakes.turned import with_orientation
from sansa_lightning.data.formats.annotations.pickled_classes import Sizes, by_class, category_labels
from sansa_lightning.data.formats.picture_files import picture_size


def test_numbers_in_their_order():
    classes = by_class("x.pkl", {7: "a", "3": "b", np.int64(0): "c"})
    assert list(classes.items()) == [(7, "a"), (3, "b"), (0, "c")]
    assert category_labels(classes) == {7: "category 7", 3: "category 3", 0: "category 0"}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ([], r"expected a dictionary with an entry for each class, but got \[\]"),
        ({}, r"expected a dictionary with an entry for each class, but got \{\}"),
        ({"x": 1}, r"expected each class once, as a number, but got 'x'"),
        ({-1: 1}, r"expected each class once, as a number, but got -1"),
        ({True: 1}, r"expected each class once, as a number, but got True"),
        ({"3\u00b2": 1}, r"expected each class once, as a number, but got '3\u00b2'"),
        ({"\u0663": 1}, r"expected each class once, as a number, but got '\u0663'"),
        ({10**9: 1}, r"expected each class once, as a number, but got 1000000000"),
        ({3: 1, "3": 2}, r"expected each class once, as a number, but got '3'"),
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


@pytest.mark.parametrize("orientation", range(5, 9))
def test_sizes_are_those_of_upright_pictures_unless_run_lengths_say_otherwise(tmp_path, orientation):
    with_orientation(tmp_path / "a.jpg", np.zeros((20, 32, 3), np.uint8), orientation)
    runs = [[[1, 2, 3, 4, 5, 6]], {"size": [20, 32], "counts": [640]}]
    assert Sizes(tmp_path).of("a.jpg", "x.pkl") == (32, 20)
    assert told(tmp_path, runs) == (20, 32)
    assert Sizes(tmp_path, "stored").of("a.jpg", "x.pkl") == (20, 32)
    assert told(tmp_path, [{"size": (32, 20)}], exif="stored") == (32, 20)
    assert picture_size(tmp_path / "a.jpg") == (32, 20)


def told(folder, *lists, exif="upright"):
    sizes = Sizes(folder, exif)
    for segmentations in lists:
        sizes.drawn("a.jpg", segmentations)
    return sizes.of("a.jpg", "x.pkl")


STORED = {"counts": [640], "size": [20, 32]}


@pytest.mark.parametrize(
    "lists",
    [
        [[[[1, 2, 3, 4, 5, 6]]], [STORED]],
        [[None, 5, "x", [], [[]]], [{"size": 7}, {}], [STORED]],
        [[{"size": [9, 9]}], [STORED]],
        [[{"size": [20.0, "32"]}]],
        [[{"size": np.array([20, 32]).tolist()}]],
        [[{"size": tuple(np.array([20, 32]))}]],
        [[[[1, 2, 3, 4, 5, 6], STORED]]],
        [[np.zeros((20, 32), bool)]],
    ],
)
def test_any_run_lengths_of_a_picture_tell(tmp_path, lists):
    with_orientation(tmp_path / "a.jpg", np.zeros((20, 32, 3), np.uint8), 6)
    assert told(tmp_path, *lists) == (20, 32)


def test_run_lengths_that_contradict_each_other_leave_it_to_the_option(tmp_path):
    with_orientation(tmp_path / "a.jpg", np.zeros((20, 32, 3), np.uint8), 6)
    both = [STORED, {"size": [32, 20]}]
    assert (told(tmp_path, both), told(tmp_path, both, exif="stored")) == ((32, 20), (20, 32))
