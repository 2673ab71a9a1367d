"""Objects of an image."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from sansa_lightning.clips.objects import Objects
from sansa_lightning.images.pictures import resize_mask


def test_is_resized_as_masks_are():
    numbers = np.random.default_rng(0).integers(0, 5, (37, 50)).astype(np.uint8)
    found = Objects.from_map(numbers, (1, 1, 2, 9)).resized((16, 24))
    assert found.classes == (1, 1, 2, 9)
    assert found.instances.dtype == torch.int16
    assert torch.equal(found.instances, resize_mask(numbers, (16, 24)).short())


def test_keeps_numbers_beyond_a_byte():
    numbers = np.array([[300, 0]], np.int16)
    assert Objects.from_map(numbers, tuple(range(300))).resized((2, 4)).instances.max() == 300


def test_each_number_has_a_class():
    with pytest.raises(ValueError, match=r"Objects: expected numbers up to 1, one per object, but got 2"):
        Objects.from_map(np.array([[2]], np.uint8), (4,))
