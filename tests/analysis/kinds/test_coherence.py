"""Displacement fields that are known: shifted, mirrored and shuffled maps of distinct features."""

from __future__ import annotations

import math

import pytest
import torch

from sansa_lightning.analysis.kinds.coherence import (
    PERFECT,
    Coherence,
    View,
    consecutive,
    displacements,
    mirrored,
    smoothness,
)
from sansa_lightning.analysis.videos import videos

FEATURES = torch.randn(32, 6, 9, generator=torch.Generator().manual_seed(0))
EVERYWHERE = torch.ones(6, 9, dtype=torch.bool)


def test_a_shifted_map_is_displaced_by_the_shift():
    field = displacements(FEATURES, FEATURES.roll((2, 1), (2, 1)), EVERYWHERE)
    assert (field[0, :, :-2] == 2).all()
    assert (field[1, :-1] == 1).all()
    assert smoothness(field[:, :-1, :-2], EVERYWHERE[:-1, :-2]) == 0


def test_the_same_map_has_no_gradient_and_a_mirrored_one_has_two():
    same = displacements(FEATURES, FEATURES, EVERYWHERE)
    assert smoothness(same, EVERYWHERE) == PERFECT["consecutive"] == 0
    flipped = displacements(FEATURES, FEATURES.flip(-1), EVERYWHERE)
    assert flipped[0, 0].tolist() == [8 - 2 * x for x in range(9)]
    assert smoothness(flipped, EVERYWHERE) == PERFECT["flipped"] == 2


def test_a_linear_field_has_the_norm_of_its_slopes():
    y, x = torch.meshgrid(torch.arange(6.0), torch.arange(9.0), indexing="ij")
    field = torch.stack([3 * x - y, 0.5 * y + 2 * x])
    assert smoothness(field, EVERYWHERE) == pytest.approx(math.sqrt(9 + 1 + 0.25 + 4))
    inside = torch.zeros(6, 9, dtype=torch.bool)
    inside[2, 3:7] = True
    assert smoothness(field, inside) is None


def test_only_cells_of_the_object_are_matched():
    allowed = torch.zeros(6, 9, dtype=torch.bool)
    allowed[4, 7] = True
    field = displacements(FEATURES, FEATURES, allowed)
    assert field[:, 4, 7].tolist() == [0, 0]
    assert field[:, 0, 0].tolist() == [7, 4]


def test_views_of_a_video_are_neighbours():
    (video,) = videos(None, "val", 1, 3)
    pairs = list(consecutive(video, 5, 96))
    assert len(pairs) == 2
    assert torch.equal(pairs[0][1].image, pairs[1][0].image)
    back: View = mirrored(mirrored(pairs[0][0]))
    assert torch.equal(back.mask, pairs[0][0].mask)
    assert torch.equal(mirrored(back).image[:, :, 0], back.image[:, :, -1])
    with pytest.raises(ValueError, match=r"analysis\.pairs"):
        Coherence(pairs=0)
