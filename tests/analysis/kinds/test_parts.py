"""Parts: planted clusters, permuted names."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from sansa_lightning.analysis.kinds.parts import Clusters, Parts, agreement, clusters, matched, renamed

RNG = np.random.default_rng(0)
MEANS = RNG.normal(size=(4, 16))


def noisy(order: list[int], noise: float = 0.05) -> np.ndarray:
    return MEANS[order] + RNG.normal(size=(4, 16)) * noise


def test_permuted_parts_are_matched():
    order = [2, 0, 3, 1]
    assert matched(noisy([0, 1, 2, 3]), noisy(order)).tolist() == [order.index(part) for part in range(4)]


def test_planted_parts_agree_and_noise_does_not():
    planted = agreement([noisy(order) for order in ([0, 1, 2, 3], [3, 2, 1, 0], [1, 0, 3, 2], [2, 3, 0, 1])])
    assert planted["cycle"] == 1.0
    assert planted["margin"] > 0.7
    noise = agreement([RNG.normal(size=(4, 16)) for _ in range(12)])
    assert noise["cycle"] < 0.6
    assert noise["margin"] < planted["margin"] / 2


def test_planted_areas_are_the_parts():
    areas = torch.arange(4).repeat_interleave(3).repeat(12, 1)
    features = torch.from_numpy(MEANS).float()[areas].movedim(-1, 0)
    features = features + 0.01 * torch.randn(features.shape, generator=torch.Generator().manual_seed(0))
    mask = torch.ones(24, 24, dtype=torch.bool)
    mask[:4] = False
    found = clusters(features, mask, 4)
    assert (found.parts[:2] == -1).all()
    for area in range(4):
        assert len(found.parts[2:][areas[2:] == area].unique()) == 1
    assert found.parts[2:].unique().tolist() == [0, 1, 2, 3]
    tiny = torch.zeros(24, 24, dtype=torch.bool)
    tiny[:4, :2] = True
    assert clusters(features, tiny, 4) is None


def test_parts_get_the_names_of_those_of_the_first_object():
    order = [2, 0, 3, 1]
    layout = torch.tensor([[0, 1], [2, 3], [-1, 0]])
    group = {5: Clusters(layout, noisy([0, 1, 2, 3])), 9: Clusters(layout, noisy(order))}
    found = renamed(group)
    assert torch.equal(found[5], layout)
    assert found[9].tolist() == [[order[0], order[1]], [order[2], order[3]], [-1, order[0]]]


@pytest.mark.parametrize("wrong", [{"parts": 1}, {"images": 2}])
def test_wrong_options_are_refused(wrong):
    with pytest.raises(ValueError, match=r"analysis\."):
        Parts(**wrong)
