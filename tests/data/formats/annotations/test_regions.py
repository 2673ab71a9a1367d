"""The table of regions, against masks kept one by one."""

from __future__ import annotations

import numpy as np
import pytest

from fakes.shapes import boxes_in, painted
from sansa_lightning.data.formats.annotations.regions import Regions, View
from sansa_lightning.data.formats.annotations.run_lengths import of_array

NAMES = {30: "owl", 4: "ant", 7: "bee", 9: "nobody"}
SIZES = [(20, 31), (33, 18), (25, 25)]
WINDOWS = [(0, 0, 31, 20), (2, 3, 40, 30), (-5, 4, 10, 12)]


def drawn_masks() -> dict[tuple[int, int], list[np.ndarray]]:
    """Some objects of each pair but one."""
    rng = np.random.default_rng(0)
    return {
        (class_id, view): [painted([b], h, w) for b in boxes_in(rng, (0, 0, w, h), 1 + view)]
        for view, (h, w) in enumerate(SIZES)
        for class_id in (30, 4, 7)
        if (class_id, view) != (7, 1)
    }


@pytest.fixture
def regions() -> Regions:
    views = [View(f"{i}.jpg", size, window) for i, (size, window) in enumerate(zip(SIZES, WINDOWS, strict=True))]
    drawn = {pair: [of_array(m, *m.shape) for m in masks] for pair, masks in drawn_masks().items()}
    return Regions.pack(NAMES, views, drawn)


def test_masks_are_unions(regions):
    masks = drawn_masks()
    for view, size in enumerate(SIZES):
        for class_id in NAMES:
            expected = np.any([np.zeros(size), *masks.get((class_id, view), [])], axis=0)
            x0, y0, x1, y1 = np.clip(WINDOWS[view], 0, [size[1], size[0]] * 2)
            seen = expected[y0:y1, x0:x1].any()
            assert (view in regions.views(class_id)) == seen
            np.testing.assert_array_equal(regions.mask(view, class_id), expected if seen else np.zeros(size))


def test_objects_are_all_of_them_the_smaller_ones_on_top(regions):
    masks = drawn_masks()
    for view, size in enumerate(SIZES):
        numbers, classes = regions.objects(view)
        shown = [(c, mask) for c in regions.classes if view in regions.views(c) for mask in masks[c, view]]
        assert classes == tuple(class_id for class_id, _ in shown)
        expected = np.zeros(size, np.int16)
        for place in np.argsort([-int(mask.sum()) for _, mask in shown], kind="stable"):
            expected[shown[place][1] == 1] = place + 1
        np.testing.assert_array_equal(numbers, expected)


def test_the_list_keeps_its_order_and_classes_ascend(regions):
    assert list(regions.names) == [30, 4, 7, 9]
    assert regions.classes == (4, 7, 9, 30)
    assert regions.views(9) == []


def test_windows_end_at_the_picture(regions):
    assert regions.windows.tolist() == [[0, 0, 31, 20], [2, 3, 18, 30], [0, 4, 10, 12]]


@pytest.mark.parametrize("window", [(0, 0, 4, 4), (12, 0, 12, 9), (40, 40, 50, 50), (9, 9, 3, 3)])
def test_what_is_outside_of_the_window_is_not_shown(window):
    mask = painted([(5, 5, 9, 9)], 20, 20)
    view = View("a.jpg", (20, 20), window)
    drawn = {(1, 0): [of_array(mask, 20, 20)]}
    assert Regions.pack({1: "x"}, [view], drawn).views(1) == []
    assert Regions.pack({1: "x"}, [View.whole("a.jpg", (20, 20))], drawn).views(1) == [0]


def test_a_mask_that_only_its_box_brings_into_the_window_is_not_shown():
    """The box of two far corners covers the window, no pixel does."""
    mask = painted([(0, 0, 3, 3), (15, 15, 19, 19)], 20, 20)
    view = View("a.jpg", (20, 20), (6, 6, 12, 12))
    assert Regions.pack({1: "x"}, [view], {(1, 0): [of_array(mask, 20, 20)]}).views(1) == []


def test_nothing_at_all():
    empty = Regions.pack({1: "x"}, [], {})
    assert empty.views(1) == []
    assert empty.windows.shape == (0, 4)


class TestCrowds:
    """An object of 16 pixels on a crowd, and a crowd alone, beside another object of 9 pixels."""

    OBJECT, OTHER = painted([(2, 2, 6, 6)], 20, 20), painted([(10, 10, 13, 13)], 20, 20)
    CROWDS = (painted([(0, 0, 5, 5)], 20, 20), painted([(4, 0, 9, 3)], 20, 20))

    @pytest.fixture
    def crowded(self) -> Regions:
        views = [View.whole(f"{number}.jpg", (20, 20)) for number in range(2)]
        crowds = [of_array(mask, 20, 20) for mask in self.CROWDS]
        drawn = {(3, 0): [of_array(mask, 20, 20) for mask in (self.OBJECT, self.OTHER)]}
        return Regions.pack({3: "owl", 8: "ant"}, views, drawn, {(3, 0): crowds, (3, 1): crowds[:1]})

    def test_masks(self, crowded):
        shown = (self.OBJECT | self.OTHER) == 1
        ignored = (self.CROWDS[0] | self.CROWDS[1]) == 1
        np.testing.assert_array_equal(crowded.mask(0, 3), np.where(shown, 1, np.where(ignored, 255, 0)))
        np.testing.assert_array_equal(crowded.mask(1, 3), np.where(self.CROWDS[0] == 1, 255, 0))
        assert not crowded.mask(0, 8).any()

    def test_a_crowd_alone_is_not_listed(self, crowded):
        assert crowded.views(3) == [0]
        assert [crowded.shows(view, 3) for view in (0, 1)] == [True, False]
        assert not crowded.shows(0, 8)

    def test_objects_are_counted_without_crowds(self, crowded):
        assert crowded.objects_of(3) == 2
        numbers, classes = crowded.objects(0)
        assert classes == (3, 3)
        np.testing.assert_array_equal(numbers, self.OBJECT + 2 * self.OTHER)
        assert crowded.objects(1)[1] == ()

    @pytest.mark.parametrize(("least", "found"), [(0, [0]), (25, [0]), (25.5, []), (26, [])])
    def test_least_area_is_that_of_the_union_of_objects(self, crowded, least, found):
        assert crowded.views(3, least) == found
        assert crowded.objects_of(3, least) == 2 * len(found)

    def test_arrays_are_all_of_it(self, crowded):
        again = Regions.of_arrays(crowded.arrays(), None)
        assert (again.names, again.files, again.marks) == (crowded.names, crowded.files, crowded.marks)
        np.testing.assert_array_equal(again.mask(0, 3), crowded.mask(0, 3))
        assert again.views(3) == [0]
