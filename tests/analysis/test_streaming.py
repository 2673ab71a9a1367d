"""Tracking frame by frame: equal to the whole clip at once, and at flat memory."""

from __future__ import annotations

import gc

import numpy as np
import pytest
import torch

from builders import model, nano, pictures, randomise
from sansa_lightning.analysis.sides import sides
from sansa_lightning.analysis.streaming import Stream, objects_in, tracked
from sansa_lightning.clips.prompt import Prompt
from sansa_lightning.methods.prototype import Prototype
from sansa_lightning.strategies.adaptformer import AdaptFormer

MASKS = torch.zeros(2, 96, 96, dtype=torch.bool)
MASKS[0, 10:50, 10:40] = True
MASKS[1, 55:90, 50:90] = True


def video(length: int) -> list:
    return [(image.permute(1, 2, 0).numpy(), None) for image in pictures(1, length)[0]]


def test_is_the_clip_at_once_beyond_the_reach_of_every_memory():
    adapted, length = model(nano(), AdaptFormer((2, 3))), 21
    randomise(adapted)
    frames = video(length)
    stream = Stream(adapted, frames[0][0], MASKS, length)
    with torch.no_grad():
        found = torch.stack([stream.step(image) for image, _ in frames[1:]], dim=1)
        images = pictures(1, length).expand(2, -1, -1, -1, -1)
        whole = adapted.method.rules(adapted.base, images, [[Prompt.mask(mask)] for mask in MASKS]).logits[:, 1:]
    torch.testing.assert_close(found, whole, atol=1e-3, rtol=1e-4)


def held() -> int:
    gc.collect()
    return sum(each.numel() for each in gc.get_objects() if isinstance(each, torch.Tensor))


@pytest.mark.slow
def test_memory_is_flat():
    """Also over 500 frames, which take 40 s."""
    frozen, (image, _), counts = model(nano()), video(1)[0], []
    frames = ((image, None) for _ in range(120))
    with torch.no_grad():
        for place, _ in enumerate(tracked(frozen, frames, MASKS[:1], 500)):
            if place in (30, 75, 118):
                counts.append(held())
    assert counts[0] == counts[1] == counts[2]


def test_without_adapters_it_is_the_base_to_the_bit():
    adapted = model(nano(), AdaptFormer((2, 3)))
    randomise(adapted)

    def run(which) -> torch.Tensor:
        with torch.no_grad():
            return torch.stack(list(tracked(which, iter(video(5)), MASKS, 5)))

    alone = run(model(nano()))
    with sides(adapted)["frozen"]:
        assert torch.equal(run(adapted), alone)
    assert not torch.equal(run(adapted), alone)


def test_what_cannot_be_tracked():
    assert objects_in(np.asarray([[0, 3], [7, 3]], np.uint8)).tolist() == [
        [[False, True], [False, True]],
        [[False, False], [True, False]],
    ]
    with pytest.raises(ValueError, match="at least one object"):
        Stream(model(nano()), video(1)[0][0], objects_in(np.zeros((4, 4), np.uint8)), 3)
    with pytest.raises(ValueError, match="expected one that propagates, as Sansa, but got Prototype"):
        Stream(model(nano(), method=Prototype()), video(1)[0][0], MASKS, 3)
