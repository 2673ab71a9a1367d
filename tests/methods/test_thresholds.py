"""Thresholds of maps, against every possible division of their values."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
import torch
from torch import Tensor

from sansa_lightning.methods.thresholds import Fixed, Otsu


def divided_by_hand(values: np.ndarray) -> float:
    """The middle of the division with the least sum of squares inside the two groups, by trying all of them."""
    ordered = np.unique(values)
    best, where = np.inf, ordered[-1]
    for low, high in pairwise(ordered):
        groups = values[values <= low], values[values > low]
        inside = sum(float(((group - group.mean()) ** 2).sum()) for group in groups)
        if inside < best:
            best, where = inside, (low + high) / 2
    return float(where)


def maps_of(kind: str) -> Tensor:
    generator = torch.Generator().manual_seed(3)
    noise = torch.randn(5, 7, 9, generator=generator)
    return {
        "noise": noise.mul(0.3).clamp(-1, 1),
        "two groups": torch.where(noise > 0.8, 0.7, 0.1) + noise * 0.02,
        "few values": (noise * 2).round().div(10),
        "far from zero": 0.9 + noise * 0.002,
    }[kind]


@pytest.mark.parametrize("kind", ["noise", "two groups", "few values", "far from zero"])
def test_otsu_divides_as_trying_every_division_does(kind: str) -> None:
    maps = maps_of(kind)
    found = Otsu()(maps)
    assert found.dtype == torch.float32
    expected = [divided_by_hand(each.double().numpy().ravel()) for each in maps]
    assert found.tolist() == pytest.approx(expected, abs=1e-6)


def test_otsu_finds_planted_groups_of_unequal_size() -> None:
    maps = torch.full((1, 10, 10), 0.2)
    maps[0, 3:5, 2:4] = 0.6
    (threshold,) = Otsu()(maps).tolist()
    assert threshold == pytest.approx(0.4)
    assert int((maps > threshold).sum()) == 4


@pytest.mark.parametrize("value", [1.0, -1.0, 0.0, 0.3])
@pytest.mark.parametrize("noise", [0.0, 1e-7])
def test_a_map_of_equal_values_is_not_divided(value: float, noise: float) -> None:
    maps = value + noise * torch.randn(2, 4, 4, generator=torch.Generator().manual_seed(0))
    assert not (maps > Otsu()(maps)[:, None, None]).any()


def test_a_single_cell_is_not_divided() -> None:
    assert Otsu()(torch.full((3, 1, 1), 0.4)).tolist() == pytest.approx([0.4] * 3)


def test_neighbouring_numbers_are_divided_too() -> None:
    low = torch.tensor(0.5)
    maps = torch.stack([torch.full((2,), -0.5), torch.stack([low, low.nextafter(torch.tensor(1.0))])])[None]
    maps[0, 0] = low  # three equal values and their neighbour: a spread that counts as none
    assert not (maps > Otsu()(maps)[:, None, None]).any()


def test_a_fixed_value_is_the_same_for_all() -> None:
    assert Fixed(0.25)(torch.rand(3, 4, 5)).tolist() == [0.25] * 3


@pytest.mark.parametrize("value", [1.0, -1.1, float("nan"), "0.5", None, True])
def test_a_value_out_of_range_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match=r"Fixed\.value: expected a cosine in \[-1, 1\), but got "):
        Fixed(value)  # type: ignore[arg-type]
