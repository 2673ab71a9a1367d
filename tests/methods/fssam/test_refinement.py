"""Refinement of the pseudo memory, against the same in NumPy, by loops."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from torch import Tensor

from sansa_lightning.methods.fssam.refinement import Refined, agreement, refine

Array = NDArray[np.float64]
GRID, WIDTH = 4, 5


def stretch(plane: Array) -> Array:
    return (plane - plane.min()) / (plane.max() - plane.min() + 1e-7)


def alike(memory: Array, source: Array, weights: Array) -> Array:
    """Of each place of ``memory`` with the mean of ``source`` under the weights, stretched."""
    vector = np.array([(channel * weights).sum() for channel in source]) / (weights.sum() + 5e-4)
    cosine = np.zeros((GRID, GRID))
    for row in range(GRID):
        for column in range(GRID):
            place = memory[:, row, column]
            length = np.linalg.norm(place) * np.linalg.norm(vector)
            cosine[row, column] = place @ vector / length if length > 0 else 0
    return stretch(cosine)


def by_hand(given: dict[str, Array], rounds: int, version: str) -> tuple[Array, Array]:
    pairs = zip(given["references"], given["masks"], strict=True)
    a = np.mean([alike(given["M_f"], reference, mask) for reference, mask in pairs], axis=0)
    memory, prior = given["M_d"], given["P_d"]
    for _ in range(rounds):
        w = np.maximum(a + alike(given["M_f"], memory, prior) - 1, 0)
        w = stretch(w) if version == "v2" else w
        memory = w * given["M_f"] + (1 - w) * memory
        prior = stretch(w * given["P_f"] + (1 - w) * prior)
    return memory, prior


def tensor(array: Array) -> Tensor:
    return torch.tensor(array).float()[None]


def found(given: dict[str, Array], rounds: int, version: Any) -> Refined:
    agreed = agreement(tensor(given["references"]), tensor(given["masks"]), tensor(given["M_f"]))
    first, second = (Refined(tensor(given[f"M_{k}"]), tensor(given[f"P_{k}"])[None]) for k in "fd")
    return refine(agreed, first, second, rounds, version)


def drawn(seed: int, shots: int = 1) -> dict[str, Array]:
    rng = np.random.default_rng(seed)
    given = {name: rng.normal(size=(WIDTH, GRID, GRID)) for name in ("M_f", "M_d")}
    given |= {name: rng.random((GRID, GRID)) for name in ("P_f", "P_d")}
    given["masks"] = rng.random((shots, GRID, GRID))
    return {**given, "references": rng.normal(size=(shots, WIDTH, GRID, GRID))}


@pytest.mark.parametrize("version", ["v1", "v2"])
@pytest.mark.parametrize(("rounds", "shots"), [(0, 1), (1, 1), (3, 1), (3, 4)])
def test_as_in_numpy(rounds: int, shots: int, version: str) -> None:
    given = drawn(3, shots)
    memory, prior = by_hand(given, rounds, version)
    refined = found(given, rounds, version)
    assert np.abs(refined.memory[0].numpy() - memory).max() <= 1e-5
    assert np.abs(refined.prior[0, 0].numpy() - prior).max() <= 1e-5
    assert (np.abs(memory - given["M_d"]).max() > 1e-2) == (rounds > 0)


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_an_empty_reference_leaves_the_memory_as_it_is(version: str) -> None:
    given = drawn(4)
    given["masks"][:] = 0
    assert np.abs(found(given, 3, version).memory[0].numpy() - given["M_d"]).max() <= 1e-6


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 2**31),
    odd=st.sets(st.sampled_from(["mask", "pixel", "M_f", "M_d", "P_d", "references"])),
    version=st.sampled_from(["v1", "v2"]),
)
def test_nothing_constant_or_empty_gives_nan_nor_its_gradient(seed: int, odd: set[str], version: str) -> None:
    values = drawn(seed)
    if odd & {"mask", "pixel"}:
        values["masks"][:] = 0
    if "pixel" in odd:
        values["masks"][0, 1, 2] = 1
    for name in odd & {"M_f", "M_d", "references"}:
        values[name][:] = 0.5
    if "P_d" in odd:
        values["P_d"][:] = 0
    own = {name: tensor(value).requires_grad_() for name, value in values.items()}
    agreed = agreement(own["references"], own["masks"], own["M_f"])
    pairs = [Refined(own[f"M_{k}"], own[f"P_{k}"][None]) for k in "fd"]
    refined = refine(agreed, *pairs, rounds=3, version=version)
    (refined.memory.square().sum() + refined.prior.sum()).backward()
    for each in (refined.memory, refined.prior, *(value.grad for value in own.values() if value.grad is not None)):
        assert bool(each.isfinite().all())


def test_gradients_reach_every_memory() -> None:
    own = {name: tensor(value).requires_grad_() for name, value in drawn(5).items()}
    agreed = agreement(own["references"], own["masks"], own["M_f"])
    refine(agreed, *(Refined(own[f"M_{k}"], own[f"P_{k}"][None]) for k in "fd")).memory.square().sum().backward()
    for name in ("references", "M_f", "M_d"):
        assert own[name].grad is not None
        assert float(own[name].grad.abs().max()) > 0
