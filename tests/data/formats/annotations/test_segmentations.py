"""Segmentations in every form that tools write: drawn as pycocotools draws them, or left out and counted."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from fakes.shapes import packed_runs, painted, plain_runs, polygon
from sansa_lightning.data.formats.annotations.run_lengths import decode
from sansa_lightning.data.formats.annotations.segmentations import (
    EMPTY,
    INVISIBLE,
    PARTS,
    PER_CENT,
    RELATIVE,
    UNREADABLE,
    Segmentations,
)
from sansa_lightning.data.formats.notes import NoteBook, as_counts

ONE, TWO = (3, 4, 12, 20), (1, 1, 6, 9)
MASK, BOTH = painted([ONE], 25, 17), painted([ONE, TWO], 25, 17)
NAN = float("nan")


def read(segmentation):
    """The mask, None if it is left out, and the counts."""
    book = NoteBook()
    runs = Segmentations(book).runs("here", segmentation, 25, 17)
    return None if runs is None else decode(runs, 25, 17), as_counts(book.notes())


@pytest.mark.parametrize(
    "segmentation",
    [
        [*polygon(ONE), *polygon(TWO)],
        (*polygon(ONE), *polygon(TWO)),
        [np.array(polygon(ONE)[0]), np.array(polygon(TWO)[0])],
        plain_runs(BOTH),
        packed_runs(BOTH),
        BOTH,
        [plain_runs(BOTH)],
        [packed_runs(painted([ONE], 25, 17)), plain_runs(painted([TWO], 25, 17))],
        [polygon(ONE)[0], packed_runs(painted([TWO], 25, 17))],
        [painted([TWO], 25, 17), polygon(ONE)[0]],
    ],
)
def test_every_form(segmentation):
    mask, counts = read(segmentation)
    np.testing.assert_array_equal(mask, BOTH)
    assert counts == {}


def test_a_list_of_numbers_is_one_polygon():
    mask, counts = read(polygon(ONE)[0])
    np.testing.assert_array_equal(mask, MASK)
    assert counts == {}


@pytest.mark.parametrize("nothing", [None, [], {}, [[]], [[], []], "", ()])
def test_empty(nothing):
    assert read(nothing) == (None, {EMPTY: 1})


@pytest.mark.parametrize(
    "part",
    [
        [10.0, 10.0, 10.0, 10.0],
        [1, 2, 3, 4, 5, 6, 7],
        [1, 2, 3, NAN, 5, 6],
        [1, 2, 3, None, 5, 6],
        [],
        None,
        [2, 2, 2, 2, 2, 2],
        [90, 90, 95, 90, 95, 95],
        {"size": [25, 17], "counts": [3]},
        {"size": [25, 17], "counts": [425]},
    ],
)
@pytest.mark.parametrize("behind", [True, False])
def test_a_part_that_is_none_beside_a_good_one(part, behind):
    good = polygon(ONE)[0]
    mask, counts = read([good, part] if behind else [part, good])
    np.testing.assert_array_equal(mask, MASK)
    assert counts == {PARTS: 1}


@pytest.mark.parametrize("segmentation", [[[1, 2, 9, 9]], 5, "abc", [5], [None], {"a": 1}, [[[1, 2], [3, 4], [5, 6]]]])
def test_unreadable(segmentation):
    assert read(segmentation) == (None, {UNREADABLE: 1})


def test_unreadable_says_why():
    book = NoteBook()
    Segmentations(book).runs("annotation 7", {"size": [17, 25], "counts": [425]}, 25, 17)
    assert book.notes()[0].first.startswith("annotation 7: expected run lengths of size [25, 17], but got {'size'")


@pytest.mark.parametrize(
    "segmentation",
    [[[2, 2, 2, 2, 2, 2]], [[0, 0, 0, 0, 0, 0]], [[90, 90, 95, 90, 95, 95]], np.zeros((25, 17)), plain_runs(MASK * 0)],
)
def test_no_pixel(segmentation):
    assert read(segmentation) == (None, {INVISIBLE: 1})


SQUARE = [0.1, 0.1, 0.9, 0.1, 0.9, 0.9]


@pytest.mark.parametrize("shift", [-0.2, 0, 0.1 + 1e-9, 0.4])
def test_relative(shift):
    assert read([[value + shift for value in SQUARE]]) == (None, {RELATIVE: 1})


def check(*segmentations, side=40):
    masks = Segmentations(NoteBook())
    for number, segmentation in enumerate(segmentations):
        masks.runs(f"annotation {number}", segmentation, side, side)
    masks.check(Path("a.json"))
    return masks


RELATIVE_FILE = (
    r"^a.json: {} annotations with polygons have no coordinate beyond 1 \(first: annotation {}\); are they rel"
)


@pytest.mark.parametrize(
    ("segmentations", "counts", "first"),
    [
        ([[SQUARE]] * 3, "3 of 3", 0),
        ([[SQUARE]] * 3 + [{"size": [40, 40], "counts": [800, 800]}] * 9, "3 of 3", 0),
        ([polygon(ONE), [SQUARE], [[]], [[1, 2, 3, 4]]], "1 of 2", 1),
    ],
)
def test_a_file_of_relative_coordinates_is_refused(segmentations, counts, first):
    with pytest.raises(ValueError, match=RELATIVE_FILE.format(counts, first)):
        check(*segmentations)


def test_few_relative_ones_are_left_out():
    masks = check(polygon(ONE), polygon(TWO), [SQUARE])
    assert (masks.used, masks.left_out) == (2, 1)
    assert as_counts(masks.book.notes()) == {RELATIVE: 1}


CORNER = [[10, 10, 90, 10, 90, 100]]


@pytest.mark.parametrize(
    ("segmentations", "side", "notes"),
    [
        ([CORNER] * 18 + [[[10, 10, 90, 10, 90, 101]]] * 2, 200, {PER_CENT: 18}),
        ([CORNER] * 17 + [[[10, 10, 90, 10, 90, 101]]] * 2, 200, {}),  # under nine of ten
        ([CORNER] * 9, 200, {}),  # too few to say
        ([CORNER] * 18, 199, {}),  # in pictures that are not much larger
    ],
)
def test_per_cent_is_told_but_taken_for_pixels(segmentations, side, notes):
    masks = check(*segmentations, side=side)
    assert as_counts(masks.book.notes()) == notes
    assert masks.used == len(segmentations)
    assert [note.first for note in masks.book.notes()] == ["annotation 0"] * len(notes)


def test_in_pictures_of_a_few_pixels_they_are_pixels():
    assert check([[0, 0, 1, 0, 1, 1, 0, 1]], side=2).used == 1


def test_none_that_can_be_used():
    message = (
        r"^a.json: none of its 3 annotations can be used: 2 annotations left out, without a segmentation \(first: "
    )
    with pytest.raises(ValueError, match=rf"{message}annotation 0\); 1 annotation left out, with a segmentation that"):
        check([], [[1, 2, 3, 4]], None)
    assert check().used == 0
