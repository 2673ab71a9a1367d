"""Frames and masks of a clip's size."""

from __future__ import annotations

import numpy as np
import torch
from PIL import Image

from sansa_lightning.data.frames.resizing import BicubicSquash, Squash
from sansa_lightning.images.pictures import resize_mask, to_frame

RNG = np.random.default_rng(0)
IMAGE, MASK = RNG.integers(0, 256, (50, 70, 3), np.uint8), RNG.choice(np.array([0, 1, 255], np.uint8), (50, 70))


def test_the_project_s_own():
    assert torch.equal(Squash().frame(IMAGE, 32), to_frame(IMAGE, 32))
    assert torch.equal(Squash().mask(MASK, 32), resize_mask(MASK, 32))


def test_bicubic():
    out = torch.empty(3, 24, 40, dtype=torch.uint8)
    frame = BicubicSquash().frame(IMAGE, (24, 40), out)
    assert frame is out
    expected = np.asarray(Image.fromarray(IMAGE).resize((40, 24), Image.Resampling.BICUBIC))
    np.testing.assert_array_equal(frame.permute(1, 2, 0).numpy(), expected)


def test_its_masks_take_the_pixel_at_the_centre():
    for size in ((24, 40), (200, 33)):
        rows, columns = (
            np.floor((np.arange(n) + 0.5) * m / n).astype(int) for n, m in zip(size, MASK.shape, strict=True)
        )
        mask = BicubicSquash().mask(MASK, size)
        assert mask.dtype == torch.uint8
        np.testing.assert_array_equal(mask.numpy(), MASK[rows][:, columns])
