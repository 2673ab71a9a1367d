"""Prompts of 1,000 random masks against docs/sansa.md 5: number and place of clicks, size of boxes and scribbles."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage
from torch import Tensor

from sansa_lightning.clips.prompt import Prompt
from sansa_lightning.data.prompts import BoxPrompt, PointPrompt, ScribblePrompt, WholeBoxPrompt

MASKS = 1000
SIDE = 64
TRAIN_POINTS, TEST_POINTS = PointPrompt(), PointPrompt(20, 20)
TRAIN_SCRIBBLE, TEST_SCRIBBLE = ScribblePrompt(), ScribblePrompt(9, 9, ["wide"])


class Drawn(NamedTuple):
    mask: Tensor
    area: int
    parts: int
    generator: int

    def prompt(self, prompter) -> Prompt:
        return prompter(self.mask, torch.Generator().manual_seed(self.generator))


def random_mask(number: int) -> Drawn:
    """Of one to five ellipses and rectangles, apart or not; every tenth one a single pixel, all, or next to nothing."""
    rng = np.random.default_rng([7, number])
    rows, columns = np.mgrid[:SIDE, :SIDE]
    mask = np.zeros((SIDE, SIDE), bool)
    kind = number % 30
    if kind == 0:
        mask[tuple(rng.integers(SIDE, size=2))] = True
    elif kind == 10:
        mask[:] = True
    elif kind == 20:
        mask.flat[rng.choice(SIDE * SIDE, rng.integers(2, 20), replace=False)] = True
    else:
        for _ in range(rng.integers(1, 6)):
            (y, x), (height, width) = rng.integers(SIDE, size=2), rng.integers(2, 15, size=2)
            power = rng.choice([2, 50])
            mask |= (np.abs((rows - y) / height) ** power + np.abs((columns - x) / width) ** power) < 1
    ignored = (rng.random(mask.shape) < 0.1) & ~mask & (number % 2 == 0)
    values = np.where(ignored, 255, mask).astype(np.uint8)
    return Drawn(torch.from_numpy(values), int(mask.sum()), ndimage.label(mask)[1], number)


@pytest.fixture(scope="module")
def drawn() -> list[Drawn]:
    found = [random_mask(number) for number in range(MASKS)]
    assert min(each.area for each in found) == 1
    assert max(each.area for each in found) == SIDE * SIDE
    assert sum(each.parts > 1 for each in found) > 300
    return found


def pixels(prompt: Prompt) -> list[tuple[int, int]]:
    """(x, y) of each click; whole numbers, without a shift to the pixels' centres."""
    assert torch.equal(prompt.coords, prompt.coords.round())
    return [(int(x), int(y)) for x, y in prompt.coords.tolist()]


def assert_on_foreground(each: Drawn, prompt: Prompt) -> None:
    clicks = pixels(prompt)
    assert len(set(clicks)) == len(clicks)
    assert all(each.mask[y, x] == 1 for x, y in clicks)
    assert set(prompt.labels.tolist()) == {1}


def corners(prompt: Prompt) -> list[int]:
    assert prompt.labels.tolist() == [2, 3]
    return [int(value) for value in prompt.coords.flatten().tolist()]


class TestPoints:
    def test_in_the_test_there_are_twenty_or_what_the_area_allows(self, drawn):
        for each in drawn:
            prompt = each.prompt(TEST_POINTS)
            assert len(prompt.coords) == min(20, each.area)
            assert_on_foreground(each, prompt)

    def test_in_training_each_number_is_as_likely(self, drawn):
        counts = np.zeros(21)
        for each in drawn:
            prompt = each.prompt(TRAIN_POINTS)
            assert_on_foreground(each, prompt)
            assert 1 <= len(prompt.coords) <= min(20, each.area)
            counts[len(prompt.coords)] += each.area >= 20
        expected = counts.sum() / 20
        assert ((counts[1:] - expected) ** 2 / expected).sum() < 43.8  # chi-squared, 19 degrees of freedom, 1 in 1000

    def test_on_a_small_object_each_number_up_to_its_area(self):
        mask = torch.zeros(9, 9, dtype=torch.uint8)
        mask[3, 1:8] = 1
        small = [len(Drawn(mask, 7, 1, seed).prompt(TRAIN_POINTS).coords) for seed in range(1400)]
        counts = np.bincount(small, minlength=8)
        assert (counts[0], len(counts)) == (0, 8)
        assert ((counts[1:] - 200) ** 2 / 200).sum() < 22.5  # chi-squared, 6 degrees of freedom, 1 in 1000


class TestBoxes:
    def test_the_box_of_all_objects_is_tight_around_everything(self, drawn):
        for each in drawn:
            rows, columns = np.nonzero(each.mask.numpy() == 1)
            tight = [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
            assert corners(each.prompt(WholeBoxPrompt())) == tight

    def test_the_released_box_is_tight_around_what_is_in_it(self, drawn):
        for each in drawn:
            foreground = each.mask.numpy() == 1
            x0, y0, x1, y1 = corners(each.prompt(BoxPrompt()))
            inside = foreground[y0:y1, x0:x1]
            assert inside.any(0)[[0, -1]].all()
            assert inside.any(1)[[0, -1]].all()

    def test_the_released_box_leaves_objects_out_and_the_other_none(self, drawn):
        """One object: the same box. Several: the released one is within the other, and often smaller."""
        shares = []
        for each in drawn:
            one, every = corners(each.prompt(BoxPrompt())), corners(each.prompt(WholeBoxPrompt()))
            if each.parts == 1:
                assert one == every
            assert one[0] >= every[0]
            assert one[1] >= every[1]
            assert one[2] <= every[2]
            assert one[3] <= every[3]
            foreground = each.mask.numpy() == 1
            inside = foreground[one[1] : one[3], one[0] : one[2]].sum()
            shares += [inside / each.area] if each.parts > 1 else []
        assert np.mean(np.array(shares) < 1) > 0.5
        assert np.median(shares) > 0.4  # it is the largest

    def test_boxes_draw_nothing(self, drawn):
        for each in drawn[:30]:
            for prompter in (BoxPrompt(), WholeBoxPrompt()):
                state = torch.Generator().manual_seed(3)
                prompter(each.mask, state)
                assert torch.equal(state.get_state(), torch.Generator().manual_seed(3).get_state())


class TestScribbles:
    @pytest.mark.slow
    @pytest.mark.parametrize("prompter", [TRAIN_SCRIBBLE, TEST_SCRIBBLE], ids=["train", "test"])
    def test_all_clicks_are_on_the_foreground(self, drawn, prompter):
        missed = 0
        for each in drawn:
            prompt = each.prompt(prompter)
            if pixels(prompt) == [(0, 0)] and each.mask[0, 0] != 1:
                missed += 1  # the strokes, moved as a whole in the end, have left the object
                assert each.area < 200
            else:
                assert_on_foreground(each, prompt)
        assert missed < MASKS / 20

    @pytest.mark.slow
    @pytest.mark.parametrize("most", [1, 16, 200])
    def test_a_limit_keeps_some_of_the_very_same_scribble(self, drawn, most):
        limited = ScribblePrompt(9, 9, ["wide"], max_points=most)
        cut = 0
        for each in drawn[:300]:
            every, some = pixels(each.prompt(TEST_SCRIBBLE)), pixels(each.prompt(limited))
            assert len(some) == min(most, len(every))
            assert set(some) <= set(every)
            cut += len(every) > most
        assert cut > 30

    def test_what_a_limit_keeps_is_spread_over_the_scribble(self):
        mask = torch.ones(200, 200, dtype=torch.uint8)
        for seed in range(20):
            each = Drawn(mask, 40_000, 1, seed)
            every = each.prompt(TEST_SCRIBBLE).coords
            some = each.prompt(ScribblePrompt(9, 9, ["wide"], max_points=400)).coords
            assert len(some) == 400
            assert ((some.mean(0) - every.mean(0)).abs() < 4 * every.std(0) / 20).all()


@st.composite
def special_masks(draw: st.DrawFn) -> Drawn:
    """The cases that break prompters: empty, one pixel, the whole frame, many parts; in frames of any proportions."""
    height, width = draw(st.sampled_from([(1, 1), (1, 30), (30, 1), (7, 40), (33, 21)]))
    mask = np.zeros((height, width), np.uint8)
    kind = draw(st.sampled_from(["empty", "pixel", "full", "checkered", "stripes"]))
    if kind == "pixel":
        mask[draw(st.integers(0, height - 1)), draw(st.integers(0, width - 1))] = 1
    elif kind == "full":
        mask[:] = 1
    elif kind == "checkered":
        mask[np.add.outer(np.arange(height), np.arange(width)) % 2 == 0] = 1
    elif kind == "stripes":
        mask[::3] = 1
    if draw(st.booleans()):
        mask[mask == 0] = 255
    return Drawn(torch.from_numpy(mask), int((mask == 1).sum()), 0, draw(st.integers(0, 2**40)))


@settings(max_examples=150, deadline=None)
@given(special_masks())
def test_special_masks(each):
    points, boxes = (TRAIN_POINTS, TEST_POINTS), (BoxPrompt(), WholeBoxPrompt())
    scribbles = (TRAIN_SCRIBBLE, TEST_SCRIBBLE, ScribblePrompt(max_points=3))
    if not each.area:
        for prompter in (*points, *boxes, *scribbles):
            prompt = each.prompt(prompter)
            assert (prompt.kind, pixels(prompt), prompt.labels.tolist()) == ("point", [(0, 0)], [1])
        return
    for prompter in points:
        assert_on_foreground(each, each.prompt(prompter))
    assert len(each.prompt(TEST_POINTS).coords) == min(20, each.area)
    for prompter in scribbles:
        prompt = each.prompt(prompter)
        if pixels(prompt) != [(0, 0)]:
            assert_on_foreground(each, prompt)
    assert len(each.prompt(scribbles[2]).coords) <= 3
    height, width = each.mask.shape
    if each.area == height * width:
        assert [corners(each.prompt(prompter)) for prompter in boxes] == [[0, 0, width, height]] * 2
    if each.area == 1:
        (y,), (x,) = np.nonzero(each.mask.numpy() == 1)
        assert [corners(each.prompt(prompter)) for prompter in boxes] == [[x, y, x + 1, y + 1]] * 2
