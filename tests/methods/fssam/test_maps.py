"""The steps that FSSAM repeats, by their definitions; nothing empty or constant gives NaN."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from sansa_lightning.methods.fssam.maps import likeness, places, pooled, resized, stretched


def test_by_hand() -> None:
    values = torch.tensor([[1.0, 0.0], [3.0, 4.0], [0.0, 0.0]])
    weights = torch.tensor([0.0, 0.5, 0.5])
    assert torch.allclose(pooled(values, weights), torch.tensor([1.5, 2.0]) / 1.0005)
    assert likeness(values, torch.tensor([1.0, 0.0])).tolist() == pytest.approx([1.0, 0.6, 0.0])
    assert stretched(torch.tensor([[1.0, 2.0, 3.0], [5.0, 5.0, 5.0]])).tolist() == [
        pytest.approx([0.0, 0.5, 1.0], abs=1e-6),
        [0.0, 0.0, 0.0],
    ]


def test_corners_are_aligned() -> None:
    maps = torch.tensor([[[[0.0, 1.0], [2.0, 3.0]]]])
    assert resized(maps, (3, 3))[0, 0].tolist() == [[0.0, 0.5, 1.0], [1.0, 1.5, 2.0], [2.0, 2.5, 3.0]]


def test_places_go_row_by_row() -> None:
    maps = torch.arange(12.0).reshape(1, 2, 2, 3)
    assert places(maps)[0].tolist() == [[c, c + 6] for c in (0.0, 1.0, 2.0, 3.0, 4.0, 5.0)]


@settings(max_examples=50, deadline=None)
@given(seed=st.integers(0, 2**31), kind=st.sampled_from(["random", "constant", "zero"]), area=st.integers(0, 12))
def test_as_in_numpy(seed: int, kind: str, area: int) -> None:
    rng = np.random.default_rng(seed)
    values = {"random": rng.normal(size=(12, 5)), "constant": np.ones((12, 5)), "zero": np.zeros((12, 5))}[kind]
    weights = np.zeros(12)
    weights[rng.permutation(12)[:area]] = 1
    mean = np.zeros(5)
    for value, weight in zip(values, weights, strict=True):
        mean += weight * value / (weights.sum() + 5e-4)
    length = np.linalg.norm(values, axis=1) * np.linalg.norm(mean)
    cosine = np.divide(values @ mean, length, out=np.zeros(12), where=length > 0)
    stretch = (cosine - cosine.min()) / (cosine.max() - cosine.min() + 1e-7)
    found = pooled(torch.tensor(values), torch.tensor(weights))
    like = likeness(torch.tensor(values), found)
    assert np.allclose(found, mean, atol=1e-5)
    assert np.allclose(like, cosine, atol=1e-5)
    assert bool(stretched(like).isfinite().all())
    if kind == "random" and area:
        assert np.allclose(stretched(like), stretch, atol=1e-4)
