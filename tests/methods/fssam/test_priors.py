"""Pseudo prompts, against the same in NumPy, by loops."""

from __future__ import annotations

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from sansa_lightning.methods.fssam.priors import Priors, prototypes, pseudo_prompts

Array = NDArray[np.float64]
SIZE, GRID, WIDTH = 12, 5, 6


def bilinear(plane: Array, size: int) -> Array:
    """Corners aligned: the value at row r of the new plane is that at r (h - 1) / (size - 1) of the old one."""
    height = len(plane)
    at = np.arange(size) * (height - 1) / max(size - 1, 1)
    low = np.minimum(np.floor(at).astype(int), height - 2)
    part = at - low
    rows = plane[low] * (1 - part)[:, None] + plane[low + 1] * part[:, None]
    return rows[:, low] * (1 - part) + rows[:, low + 1] * part


def stretch(plane: Array) -> Array:
    return (plane - plane.min()) / (plane.max() - plane.min() + 1e-7)


def prototype(features: Array, weights: Array) -> Array:
    return (features * weights).sum((1, 2)) / (weights.sum() + 5e-4)


def like(features: Array, vector: Array) -> Array:
    lengths = np.linalg.norm(features, axis=0) * np.linalg.norm(vector)
    products = np.einsum("chw,c->hw", features, vector)
    return np.divide(products, lengths, out=np.zeros_like(products), where=lengths > 0)


def by_hand(target: Array, references: Array, masks: Array) -> tuple[Array, Array]:
    """Each reference gives its own priors; then the mean."""
    full, rather = [], []
    for features, mask in zip(references, masks, strict=True):
        inside = bilinear(mask, GRID)
        pair = [bilinear(stretch(like(target, prototype(features, weights))), SIZE) for weights in (inside, 1 - inside)]
        full.append(pair[0])
        rather.append(stretch(np.maximum(pair[0] - pair[1], 0)))
    return np.mean(full, axis=0), np.mean(rather, axis=0)


def found(targets: Array, references: Array, masks: Array) -> Priors:
    seen = prototypes(torch.tensor(references).float(), torch.tensor(masks).float())
    return pseudo_prompts(torch.tensor(targets).float(), seen, SIZE)


def test_each_reference_gives_its_own_and_they_are_averaged() -> None:
    rng = np.random.default_rng(0)
    references, targets = rng.normal(size=(2, 3, WIDTH, GRID, GRID)), rng.normal(size=(2, WIDTH, GRID, GRID))
    masks = (rng.random((2, 3, SIZE, SIZE)) > 0.6).astype(float)
    priors = found(targets, references, masks)
    for clip in range(2):
        full, rather = by_hand(targets[clip], references[clip], masks[clip])
        assert np.abs(priors.foreground[clip, 0].numpy() - full).max() <= 1e-5
        assert np.abs(priors.discriminative[clip, 0].numpy() - rather).max() <= 1e-5


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 2**31),
    mask=st.sampled_from(["empty", "pixel", "full", "random"]),
    constant=st.booleans(),
)
def test_they_lie_between_0_and_1_whatever_comes(seed: int, mask: str, constant: bool) -> None:
    rng = np.random.default_rng(seed)
    masks = {"empty": np.zeros, "full": np.ones}.get(mask, np.zeros)((1, 1, SIZE, SIZE))
    if mask == "pixel":
        masks[0, 0, seed % SIZE, seed // SIZE % SIZE] = 1
    if mask == "random":
        masks = (rng.random(masks.shape) > 0.5).astype(float)
    targets, references = rng.normal(size=(1, WIDTH, GRID, GRID)), rng.normal(size=(1, 1, WIDTH, GRID, GRID))
    if constant:
        targets, references = np.ones_like(targets), np.ones_like(references)
    for prior in found(targets, references, masks):
        assert prior.shape == (1, 1, SIZE, SIZE)
        assert bool((prior >= 0).all())
        assert bool((prior <= 1).all())
    if mask == "random" and not constant:
        full, rather = by_hand(targets[0], references[0], masks[0])
        priors = found(targets, references, masks)
        assert np.abs(priors.foreground[0, 0].numpy() - full).max() <= 1e-4
        assert np.abs(priors.discriminative[0, 0].numpy() - rather).max() <= 1e-4


def test_an_empty_mask_has_no_foreground_and_gives_no_prior() -> None:
    rng = np.random.default_rng(1)
    targets, references = rng.normal(size=(1, WIDTH, GRID, GRID)), rng.normal(size=(1, 1, WIDTH, GRID, GRID))
    priors = found(targets, references, np.zeros((1, 1, SIZE, SIZE)))
    assert not priors.foreground.any()
    assert not priors.discriminative.any()


def test_no_graph() -> None:
    features = torch.randn(1, 1, WIDTH, GRID, GRID, requires_grad=True)
    priors = pseudo_prompts(features[0], prototypes(features, torch.ones(1, 1, SIZE, SIZE)), SIZE)
    assert not priors.foreground.requires_grad
