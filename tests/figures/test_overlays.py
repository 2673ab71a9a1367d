from __future__ import annotations

import numpy as np
import torch

from sansa_lightning.figures.overlays import (
    GAP,
    HEAD,
    PREDICTION_COLOUR,
    REFERENCE_COLOUR,
    TRUTH_COLOUR,
    episode_picture,
    outline,
    outlined,
    pixels,
)
from sansa_lightning.images.pictures import to_frame


def test_pixels_are_those_of_the_picture():
    picture = np.random.default_rng(0).integers(0, 256, (5, 7, 3), np.uint8)
    np.testing.assert_array_equal(pixels(to_frame(picture, (5, 7))).numpy(), picture)


def test_the_outline_is_around_the_mask():
    mask = torch.zeros(7, 9, dtype=torch.bool)
    mask[3, 4] = True
    expected = torch.zeros_like(mask)
    expected[2:5, 3:6] = True
    expected[3, 4] = False
    assert torch.equal(outline(mask), expected)
    assert not outline(torch.zeros(4, 4, dtype=torch.bool)).any()


def test_a_mask_is_mixed_in_and_nothing_else_changes():
    picture = torch.full((9, 9, 3), 100, dtype=torch.uint8)
    mask = torch.zeros(9, 9, dtype=torch.bool)
    mask[4, 4] = True
    shown = outlined(picture, mask, (200, 0, 50))
    assert shown[4, 4].tolist() == [140, 60, 80]
    assert shown[3, 3].tolist() == [200, 0, 50]
    assert torch.equal(shown[:3], picture[:3])
    assert picture.eq(100).all()


def test_references_targets_and_truth_have_their_places_and_colours():
    size = 40
    images = torch.full((3, 3, size, size), 120, dtype=torch.uint8)
    masks = torch.zeros(3, size, size, dtype=torch.uint8)
    masks[0, 10:20, 10:20] = 1
    masks[2, 30:35, 30:35] = 1
    masks[2, 0:5, 30:35] = 255
    prediction = torch.zeros(80, 80, dtype=torch.bool)  # at the size of its image
    prediction[20:40, 20:40] = True
    picture = np.asarray(episode_picture(images, masks, [prediction], "dog"))
    assert picture.shape == (HEAD + size, 3 * size + 2 * GAP, 3)
    frames = [picture[HEAD:, start : start + size] for start in (0, size + GAP, 2 * (size + GAP))]
    assert frames[0][9, 9].tolist() == list(REFERENCE_COLOUR)
    assert (frames[1] == 120).all()
    assert frames[2][9, 9].tolist() == list(PREDICTION_COLOUR)
    assert frames[2][29, 29].tolist() == list(TRUTH_COLOUR)
    assert frames[2][2, 32].tolist() == [120, 120, 120]  # what is ignored is no truth
    assert (picture[:HEAD, size : size + GAP] == 255).all()
    assert (picture[:HEAD, :size] < 128).any()  # a caption
