"""Both sides of an analysis: the frozen one is the base, bit by bit."""

from __future__ import annotations

import torch

from builders import model, nano, pictures, randomise
from sansa_lightning.analysis.sides import feature_sides, sides
from sansa_lightning.strategies.adaptformer import AdaptFormer

IMAGES = pictures(1, 2)[0]


def test_the_frozen_side_is_the_base_and_the_other_is_not():
    adapted = model(nano(), AdaptFormer((2, 3)))
    randomise(adapted)
    alone = nano().encode(IMAGES).image
    found = {name: encoder(adapted.base, IMAGES) for name, encoder in feature_sides(adapted, "neck").items()}
    assert list(found) == ["frozen", "adapted"]
    assert torch.equal(found["frozen"], alone)
    assert not torch.allclose(found["adapted"], alone, atol=1e-3)
    with torch.no_grad():
        for name, context in sides(adapted).items():
            with context:
                assert torch.equal(adapted.base.encode(IMAGES).image, found[name])


def test_what_trains_nothing_has_one_side():
    frozen = model(nano())
    assert list(sides(frozen)) == list(feature_sides(frozen, "neck")) == ["frozen"]
