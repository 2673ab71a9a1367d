"""Normalisation on the device gives the very numbers that it gave in the loading processes."""

from __future__ import annotations

import numpy as np
import torch

from builders import mask_prompt, nano, pictures
from sansa_lightning.clips.frames import IMAGENET_MEAN, IMAGENET_STD, normalise
from sansa_lightning.methods.propagation import Propagation

EVERY = torch.arange(256, dtype=torch.uint8).reshape(1, 16, 16).expand(3, 16, 16)
"""All values in all three colours."""


def as_loaded_before(frame: torch.Tensor) -> torch.Tensor:
    """As frames were normalised when they travelled as floats: a colour at a time, by plain numbers."""
    planes = torch.empty(frame.shape)
    for plane, values, mean, std in zip(planes, frame, IMAGENET_MEAN, IMAGENET_STD, strict=True):
        plane.copy_(values).div_(255).sub_(mean).div_(std)
    return planes


def test_all_values_are_equal_to_the_bit():
    expected = as_loaded_before(EVERY)
    found = normalise(EVERY)
    assert found.dtype == torch.float32
    assert torch.equal(found.view(torch.int32), expected.view(torch.int32))
    stacked = normalise(EVERY.expand(2, 5, 3, 16, 16))
    assert torch.equal(stacked, expected.expand(2, 5, 3, 16, 16))


def test_all_values_are_right():
    mean, std = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
    expected = (np.arange(256)[:, None] / 255 - mean) / std
    np.testing.assert_allclose(normalise(EVERY).flatten(1).T.numpy(), expected, atol=1e-6)


def test_floats_are_normalised_already_and_bytes_stay_as_they_are():
    floats, frames = torch.randn(2, 3, 4, 4), EVERY.clone()
    assert normalise(floats) is floats
    normalise(frames)
    assert torch.equal(frames, EVERY)


def test_a_base_makes_the_same_of_both():
    sam, images = nano(), pictures(2, 3)
    floats = torch.stack([as_loaded_before(frame) for frame in images.flatten(0, 1)]).unflatten(0, (2, 3))
    with torch.inference_mode():
        assert torch.equal(sam.encode(images[0]).image, sam.encode(floats[0]).image)
        logits = [Propagation()(sam, each, [[mask_prompt()]] * 2).logits for each in (images, floats)]
    assert torch.equal(*logits)
    assert logits[0].std() > 0.1
