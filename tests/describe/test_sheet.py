"""The sheet shows what clips hold: prompts at their places, truth, and what is ignored."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from sansa_lightning.clips.clip import Clip
from sansa_lightning.clips.episode import Episode
from sansa_lightning.clips.prompt import Prompt
from sansa_lightning.data.datamodule import EpisodeDataModule
from sansa_lightning.data.protocols.base import Strict
from sansa_lightning.data.sources.patterns import Patterns
from sansa_lightning.describe import sheet
from sansa_lightning.describe.sheet import CELL, CLICK_COLOURS, IGNORE_COLOUR, contact_sheet
from sansa_lightning.figures.overlays import GAP, HEAD, OPACITY, REFERENCE_COLOUR, TRUTH_COLOUR

SIDE = CELL // 2
GREY = 120


def picture_of(prompt: Prompt, mask: torch.Tensor, target: torch.Tensor | None = None) -> np.ndarray:
    """The row of a grey clip of half the cell's side, uint8 [H, W, 3]."""
    masks = torch.stack([mask, mask if target is None else target])
    images = torch.full((2, 3, SIDE, SIDE), GREY, dtype=torch.uint8)
    clip = Clip(Episode("x", 0, ("a",), ("b",)), images, masks, (prompt,))
    return np.asarray(sheet._row(clip, "test 0", "cat"))[HEAD:]


def is_colour(pixels: np.ndarray, colour: tuple[int, ...]) -> np.ndarray:
    return (pixels == colour).all(-1)


@pytest.fixture
def mask() -> torch.Tensor:
    mask = torch.zeros(SIDE, SIDE, dtype=torch.uint8)
    mask[20:40, 30:60] = 1
    return mask


def test_a_box_is_drawn_where_it_is(mask):
    row = picture_of(Prompt.box((30, 20, 60, 40)), mask)
    rows, columns = np.nonzero(is_colour(row[:, :CELL], REFERENCE_COLOUR))
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (40, 79, 60, 119)
    assert len(rows) == 2 * 2 * (60 + 40) - 16


def test_clicks_are_drawn_where_they_are(mask):
    row = picture_of(Prompt.points([[10, 50], [80, 90]], [1, 0]), mask)[:, :CELL]
    for label, (x, y) in ((1, (10, 50)), (0, (80, 90))):
        rows, columns = np.nonzero(is_colour(row, CLICK_COLOURS[label]))
        assert abs(rows.mean() - 2 * y) < 1
        assert abs(columns.mean() - 2 * x) < 1
        assert 20 < len(rows) < 60


def test_a_scribble_is_drawn_in_dots(mask):
    points = [[x, 30] for x in range(10, 60)]
    row = picture_of(Prompt.points(points), mask)[:, :CELL]
    rows, columns = np.nonzero(is_colour(row, CLICK_COLOURS[1]))
    assert set(rows) == {60, 61}
    assert set(columns) == set(range(20, 120))


def test_a_mask_prompt_is_tinted(mask):
    row = picture_of(Prompt.mask(mask), mask)[:, :CELL].astype(int)
    changed = row[50, 70]
    before = row[5, 5]
    np.testing.assert_allclose(changed, before * (1 - OPACITY) + np.array(REFERENCE_COLOUR) * OPACITY, atol=1)
    assert is_colour(row, REFERENCE_COLOUR).any()
    assert not is_colour(row, TRUTH_COLOUR).any()


def test_a_reference_has_the_outline_of_its_mask(mask):
    row = picture_of(Prompt.points([[1, 1]]), mask)[:, :CELL]
    rows, columns = np.nonzero(is_colour(row, TRUTH_COLOUR))
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (39, 80, 59, 120)


def test_targets_have_truth_and_what_is_ignored(mask):
    target = mask.clone()
    target[60:80, 10:20] = 255
    row = picture_of(Prompt.mask(mask), mask, target)[:, CELL + GAP :]
    ignored = np.zeros((CELL, CELL), bool)
    ignored[120:160, 20:40] = True
    np.testing.assert_array_equal(is_colour(row, IGNORE_COLOUR), ignored)
    assert is_colour(row, TRUTH_COLOUR).any()


def test_a_sheet_has_a_row_an_episode():
    data = EpisodeDataModule(Patterns(), Strict(fold=0), test_episodes=3, train_length=8)
    data.setup("fit")
    data.setup("test")
    found = contact_sheet(data, ("train", "test"), 5)
    assert found.size == (4 * (CELL + GAP) - GAP, 8 * (CELL + HEAD + GAP) - GAP)
    one = contact_sheet(data, ("test",), 1)
    assert one.size == (2 * (CELL + GAP) - GAP, CELL + HEAD)
