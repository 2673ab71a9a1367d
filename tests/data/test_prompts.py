"""Prompts: their statistics against docs/sansa.md 5, and their properties on any mask."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from sansa_lightning.clips.episode import Episode
from sansa_lightning.data.prompts import (
    BoxPrompt,
    MaskPrompt,
    MultiPrompt,
    PointPrompt,
    ScribblePrompt,
    WholeBoxPrompt,
    prompt_generator,
)
from sansa_lightning.data.prompts.boxes import merged, part_boxes
from sansa_lightning.data.prompts.scribbles import BRUSHES, Canvas

PROMPTERS = (
    MaskPrompt(),
    PointPrompt(),
    BoxPrompt(),
    WholeBoxPrompt(),
    ScribblePrompt(),
    MultiPrompt(),
)


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@st.composite
def masks(draw: st.DrawFn) -> torch.Tensor:
    """Empty, one pixel, full, rectangles that may overlap, or noise; some with ignored pixels."""
    height, width = draw(st.integers(1, 40)), draw(st.integers(1, 40))
    kind = draw(st.sampled_from(["empty", "pixel", "full", "rectangles", "noise"]))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    mask = np.zeros((height, width), np.uint8)
    if draw(st.booleans()):
        mask[rng.random(mask.shape) < 0.2] = 255
    if kind == "pixel":
        mask[rng.integers(height), rng.integers(width)] = 1
    elif kind == "full":
        mask[:] = 1
    elif kind == "rectangles":
        for _ in range(rng.integers(1, 6)):
            y, x = rng.integers(height), rng.integers(width)
            mask[y : y + rng.integers(1, 12), x : x + rng.integers(1, 12)] = 1
    elif kind == "noise":
        mask[rng.random(mask.shape) < rng.random()] = 1
    return torch.from_numpy(mask)


def parts_by_flooding(foreground: np.ndarray) -> list[tuple[int, int, int, int]]:
    """Boxes of the parts connected by sides, found pixel by pixel."""
    left = {(int(y), int(x)) for y, x in zip(*np.nonzero(foreground), strict=True)}
    boxes = []
    while left:
        part, front = [], [left.pop()]
        while front:
            y, x = front.pop()
            part.append((y, x))
            near = {(y + 1, x), (y - 1, x), (y, x + 1), (y, x - 1)} & left
            left -= near
            front += near
        ys, xs = zip(*part, strict=True)
        boxes.append((min(xs), min(ys), max(xs) + 1, max(ys) + 1))
    return boxes


def at(mask: torch.Tensor, prompt: object) -> torch.Tensor:
    """The mask's values under the clicks."""
    x, y = prompt.coords.long().unbind(1)
    return mask[y, x]


@pytest.mark.slow
@settings(max_examples=1000, deadline=None)
@given(masks(), st.integers(0, 2**40))
def test_every_prompt_on_any_mask(mask, seed):
    area = int((mask == 1).sum())
    before = mask.clone()
    for prompter in PROMPTERS:
        prompt = prompter(mask, seeded(seed))
        if prompt.kind == "mask":
            torch.testing.assert_close(prompt.dense, (mask == 1).float(), rtol=0, atol=0)
        elif not area:
            assert (prompt.coords.tolist(), prompt.labels.tolist()) == ([[0, 0]], [1])
        elif prompt.kind == "box":
            assert prompt.labels.tolist() == [2, 3]
        elif prompt.coords.tolist() != [[0, 0]]:
            assert (at(mask, prompt) == 1).all()
            assert len(set(map(tuple, prompt.coords.tolist()))) == len(prompt.coords)
            assert (prompt.labels == 1).all()
    torch.testing.assert_close(mask, before, rtol=0, atol=0)


@settings(max_examples=300, deadline=None)
@given(masks(), st.integers(0, 2**40))
def test_numbers_of_clicks(mask, seed):
    area = int((mask == 1).sum())
    if area:
        assert len(PointPrompt(least=20)(mask, seeded(seed)).coords) == min(20, area)
        assert 1 <= len(PointPrompt()(mask, seeded(seed)).coords) <= min(20, area)
        assert len(ScribblePrompt(max_points=5)(mask, seeded(seed)).coords) <= min(5, area)


@settings(max_examples=300, deadline=None)
@given(masks())
def test_boxes_are_tight(mask):
    foreground = mask.numpy() == 1
    boxes = part_boxes(foreground)
    expected = parts_by_flooding(foreground)
    assert sorted(map(tuple, boxes.tolist())) == sorted(expected)
    if not expected:
        return
    whole = WholeBoxPrompt()(mask, seeded(0)).coords.flatten().tolist()
    ends = [min(b[0] for b in expected), min(b[1] for b in expected), max(b[2] for b in expected)]
    assert whole == [*ends, max(b[3] for b in expected)]
    x0, y0, x1, y1 = map(int, BoxPrompt()(mask, seeded(0)).coords.flatten().tolist())
    # Tight: each side of the box touches the foreground. Largest: no part has a larger box.
    assert foreground[y0, x0:x1].any()
    assert foreground[y1 - 1, x0:x1].any()
    assert foreground[y0:y1, x0].any()
    assert foreground[y0:y1, x1 - 1].any()
    assert (x1 - x0) * (y1 - y0) >= max((b[2] - b[0]) * (b[3] - b[1]) for b in expected)


class TestBoxes:
    def test_one_object_of_two(self):
        mask = torch.zeros(30, 40, dtype=torch.uint8)
        mask[2:5, 3:9] = 1
        mask[10:20, 20:31] = 1
        assert BoxPrompt()(mask, seeded(0)).coords.tolist() == [[20, 10], [31, 20]]
        assert WholeBoxPrompt()(mask, seeded(0)).coords.tolist() == [[3, 2], [31, 20]]

    def test_corners_that_touch_are_two_parts(self):
        mask = torch.zeros(4, 4, dtype=torch.uint8)
        mask[0:2, 0:2] = mask[2, 2] = 1
        assert BoxPrompt()(mask, seeded(0)).coords.tolist() == [[0, 0], [2, 2]]

    def test_overlapping_boxes_become_one(self):
        mask = torch.zeros(20, 20, dtype=torch.uint8)
        mask[2, 2:12] = mask[2:12, 2] = 1  # an L, whose box holds the square
        mask[8:14, 8:14] = 1
        assert BoxPrompt()(mask, seeded(0)).coords.tolist() == [[2, 2], [14, 14]]

    def test_there_is_one_pass(self):
        """The third box joins the first two into one that covers the second, which stays: merging does not repeat."""
        boxes = np.array([[0, 0, 4, 4], [6, 2, 8, 4], [3, 3, 9, 9]])
        assert merged(boxes).tolist() == [[0, 0, 9, 9], [6, 2, 8, 4]]

    def test_sharing_a_side_is_no_overlap(self):
        boxes = np.array([[0, 0, 4, 4], [4, 0, 8, 4]])
        assert merged(boxes).tolist() == boxes.tolist()


class TestStatistics:
    """On a foreground of 900 pixels."""

    mask = torch.zeros(60, 60, dtype=torch.uint8)
    mask[10:40, 20:50] = 1

    def test_numbers_are_uniform(self):
        counts = np.bincount([len(PointPrompt()(self.mask, seeded(i)).coords) for i in range(4000)], minlength=21)
        assert counts[0] == 0
        assert len(counts) == 21
        assert ((counts[1:] - 200) ** 2 / 200).sum() < 43.8  # chi-squared, 19 degrees of freedom, 1 in 1000

    def test_each_pixel_is_as_likely(self):
        hits = np.zeros((60, 60))
        for i in range(1000):
            xy = PointPrompt(least=20)(self.mask, seeded(i)).coords.long().numpy()
            hits[xy[:, 1], xy[:, 0]] += 1
        hits = hits[10:40, 20:50]
        assert hits.sum() == 20_000
        chi = ((hits - hits.mean()) ** 2 / hits.mean()).sum()
        assert abs(chi - 899) < 4 * np.sqrt(2 * 899)

    def test_multi_draws_each_kind_as_often(self):
        prompters = [MaskPrompt(), PointPrompt(), BoxPrompt()]
        kinds = [MultiPrompt(prompters)(self.mask, seeded(i)).kind for i in range(3000)]
        counts = np.array([kinds.count(kind) for kind in ("mask", "point", "box")])
        assert ((counts - 1000) ** 2 / 1000).sum() < 13.8  # chi-squared, 2 degrees of freedom, 1 in 1000

    def test_the_published_four_are_the_default_of_multi(self):
        drawn = [MultiPrompt()(self.mask, seeded(i)) for i in range(400)]
        assert {prompt.kind for prompt in drawn} == {"mask", "point", "box"}
        assert [type(p).__name__ for p in MultiPrompt().prompters] == [
            "MaskPrompt",
            "PointPrompt",
            "ScribblePrompt",
            "BoxPrompt",
        ]
        many = sum(prompt.coords is not None and len(prompt.coords) > 20 for prompt in drawn)
        assert many == pytest.approx(100, abs=35)

    @pytest.mark.parametrize(
        ("name", "steps", "speed", "acceleration", "jitter", "width"),
        [("wide", (10, 29), 20, 15, 3, (3, 9)), ("small", (6, 21), 12, 8, 1, (2, 4))],
    )
    def test_strokes(self, name, steps, speed, acceleration, jitter, width):
        brush = BRUSHES[name]
        rng = np.random.default_rng(0)
        strokes = [brush.stroke(np.array([500, 500]), rng) for _ in range(1500)]
        lengths = np.bincount([len(stroke) - 1 for stroke in strokes])
        assert (np.flatnonzero(lengths)[0], len(lengths) - 1) == steps
        distances = [np.linalg.norm(np.diff(stroke, axis=0), axis=1) for stroke in strokes]
        # Both ends of a step are moved, in x and in y, by {-jitter .. jitter - 1}, and truncated.
        slack = np.sqrt(2) * 2 * jitter
        assert speed - 3 < max(d.max() for d in distances) <= speed + slack
        assert max(np.abs(np.diff(d)).max() for d in distances) <= acceleration + 2 * slack
        starts = np.array([stroke[0] for stroke in strokes]) - 500
        assert np.abs(starts.mean(0)).max() < 1
        assert np.abs(starts).max() > brush.shift
        first = np.array([d[0] for d in distances])
        assert first.mean() == pytest.approx(speed / 2, abs=0.06 * speed + jitter)
        assert (brush.width[0], brush.width[1] - 1) == width

    def test_strokes_turn_little_by_little(self):
        rng = np.random.default_rng(0)
        turns = []
        for _ in range(300):
            moves = np.diff(BRUSHES["wide"].stroke(np.array([0, 0]), rng), axis=0)
            angles = np.arctan2(moves[:, 1], moves[:, 0])[np.linalg.norm(moves, axis=1) > 12]
            turns.append(np.abs((np.diff(angles) + np.pi) % (2 * np.pi) - np.pi))
        assert np.median(np.concatenate(turns)) < 0.6

    def test_a_line_is_as_wide_as_asked(self):
        for width in range(2, 10):
            canvas = Canvas(30, 40)
            canvas.draw(np.array([[5, 15], [35, 15]]), width)
            assert canvas.pixels()[:, 20].sum() == width

    def test_strokes_may_leave_the_image(self):
        canvas = Canvas(20, 20)
        canvas.draw(np.array([[-50, -50], [50, 50]]), 3)
        assert canvas.pixels()[np.arange(20), np.arange(20)].all()

    def test_scribbles_have_many_pixels_in_lines(self):
        mask = torch.ones(300, 300, dtype=torch.uint8)
        counts = [len(ScribblePrompt(9, 9, ["wide"])(mask, seeded(i)).coords) for i in range(100)]
        # Nine strokes of about 19 steps of about 10 pixels, 6 wide, of which some is lost over the border.
        assert 2500 < np.median(counts) < 12_000
        small = [len(ScribblePrompt(9, 9, ["small"])(mask, seeded(i)).coords) for i in range(100)]
        assert np.median(small) < np.median(counts) / 2
        assert {len(ScribblePrompt(9, 9, max_points=64)(mask, seeded(i)).coords) for i in range(20)} == {64}


def test_all_prompts_of_an_episode_are_its_own():
    mask = torch.ones(50, 50, dtype=torch.uint8)
    one, other = (Episode("s", 1, ("a", "b"), (target,)) for target in ("c", "d"))
    draws = [PointPrompt(5, 5)(mask, prompt_generator(e, k)).coords for e, k in ((one, 0), (one, 1), (other, 0))]
    assert not any(torch.equal(draws[i], draws[j]) for i, j in ((0, 1), (0, 2), (1, 2)))
    assert torch.equal(draws[0], PointPrompt(5, 5)(mask, prompt_generator(one, 0)).coords)


@pytest.mark.parametrize("prompter", PROMPTERS, ids=lambda p: type(p).__name__)
def test_global_randomness_plays_no_part(prompter):
    mask = torch.ones(64, 64, dtype=torch.uint8)
    drawn = []
    for seed in (0, 1):
        torch.manual_seed(seed)
        np.random.seed(seed)
        state = torch.get_rng_state()
        prompt = pickle.loads(pickle.dumps(prompter))(mask, seeded(7))  # noqa: S301 - our own object, as workers get it
        drawn.append(prompt.dense if prompt.coords is None else prompt.coords)
        assert torch.equal(state, torch.get_rng_state())
    assert torch.equal(*drawn)


class TestMistakes:
    @pytest.mark.parametrize("prompter", [PointPrompt, ScribblePrompt])
    @pytest.mark.parametrize(("least", "most"), [(0, 20), (5, 4), (-1, -1)])
    def test_range(self, prompter, least, most):
        message = rf"{prompter.__name__}: expected 1 <= least <= most, but got least {least} and most {most}"
        with pytest.raises(ValueError, match=message):
            prompter(least, most)

    @pytest.mark.parametrize("brushes", [[], ["wide", "huge"]])
    def test_brushes(self, brushes):
        with pytest.raises(ValueError, match=r"ScribblePrompt.brushes: expected some of wide, small, but got"):
            ScribblePrompt(brushes=brushes)

    def test_max_points(self):
        with pytest.raises(ValueError, match=r"ScribblePrompt.max_points: expected at least 1, or null for all"):
            ScribblePrompt(max_points=0)

    def test_no_prompters(self):
        with pytest.raises(ValueError, match=r"MultiPrompt.prompters: expected at least one prompter, but got none"):
            MultiPrompt([])
