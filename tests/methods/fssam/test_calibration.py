"""Calibrated attention: its bias against NumPy, the fused path against explicit attention, and K references."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from torch import Tensor

from builders import largest_difference, nano
from sansa_lightning.methods.fssam.calibration import Calibration, Layout
from sansa_lightning.trackers.base import Features, MemoryTokens, Tracker

Array = NDArray[np.float64]
CELLS, WIDTH = 9, 6


def stretch(row: Array) -> Array:
    return (row - row.min()) / (row.max() - row.min() + 1e-7)


def by_hand(query: Array, key: Array, masks: Array, layout: Layout, factor: float) -> Array:
    """[queries, keys]: of one clip and head, query by query."""
    blocks = [slice(n * CELLS, (n + 1) * CELLS) for n in range(len(key) // CELLS)]
    pseudo = key[blocks[layout.pseudo]]
    trusted = np.zeros(CELLS)
    for shot, number in enumerate(layout.references):
        own, mask = key[blocks[number]], masks[shot]
        vector = (own * mask[:, None]).sum(0) / (mask.sum() + 5e-4)
        lengths = np.linalg.norm(pseudo, axis=1) * np.linalg.norm(vector)
        cosine = np.divide(pseudo @ vector, lengths, out=np.zeros(CELLS), where=lengths > 0)
        trusted += stretch(cosine) / len(layout.references)
    bias = np.zeros((len(query), len(key)))
    for row, each in enumerate(query):
        scores = stretch(pseudo @ each / math.sqrt(WIDTH))
        bias[row, blocks[layout.pseudo]] = factor * np.minimum(scores + trusted - 1, 0)
    for number in layout.unread:
        bias[:, blocks[number]] = -np.inf
    return bias


def drawn(seed: int, shots: int, layout: Layout, pointers: int = 3) -> tuple[Array, Array, Array]:
    rng = np.random.default_rng(seed)
    blocks = shots + 1 + layout.mean
    query, key = (rng.normal(size=(2, 1, count, WIDTH)) for count in (CELLS, blocks * CELLS + pointers))
    return query, key, (rng.random((2, shots, CELLS)) > 0.5).astype(float)


def test_the_blocks_of_one_reference_are_the_same_in_each_way() -> None:
    assert {Layout.of(kshot, 1) for kshot in ("averaged", "concatenated", "released")} == {Layout(False, 1, (0,))}


def test_the_blocks_of_several_references() -> None:
    assert Layout.of("concatenated", 3) == Layout(mean=False, pseudo=3, references=(0, 1, 2))
    assert Layout.of("released", 3) == Layout(mean=False, pseudo=1, references=(0,))
    assert Layout.of("averaged", 3) == Layout(mean=True, pseudo=1, references=(2, 3, 4), unread=(2, 3, 4))


@pytest.mark.parametrize("kshot", ["averaged", "concatenated", "released"])
@pytest.mark.parametrize("shots", [1, 3])
def test_the_bias_is_that_of_numpy(kshot: Any, shots: int) -> None:
    layout = Layout.of(kshot, shots)
    query, key, masks = drawn(1, shots, layout)
    found = Calibration(torch.tensor(masks).float(), layout)(*(torch.tensor(each).float() for each in (query, key)))
    for clip in range(2):
        expected = by_hand(query[clip, 0], key[clip, 0], masks[clip], layout, 10.0)
        assert np.allclose(found[clip, 0].numpy(), expected, atol=1e-4)
        assert expected.min() < -1


@settings(max_examples=50, deadline=None)
@given(
    seed=st.integers(0, 2**31),
    mask=st.sampled_from(["empty", "pixel", "random"]),
    constant=st.sets(st.sampled_from(["query", "key"])),
    factor=st.sampled_from([0.0, 1.0, 10.0]),
)
def test_it_lies_between_minus_the_factor_and_0(seed: int, mask: str, constant: set[str], factor: float) -> None:
    layout = Layout.of("averaged", 1)
    query, key, masks = drawn(seed, 1, layout)
    if mask != "random":
        masks[:] = 0
    if mask == "pixel":
        masks[:, :, seed % CELLS] = 1
    if "query" in constant:
        query[:] = 1
    if "key" in constant:
        key[:] = 1
    calibration = Calibration(torch.tensor(masks).float(), layout, factor)
    bias = calibration(torch.tensor(query).float(), torch.tensor(key).float())
    assert bool(bias.isfinite().all())
    assert bool((bias <= 0).all())
    assert bool((bias >= -factor - 1e-5).all())
    assert not bias[..., :CELLS].any()
    assert not bias[..., 2 * CELLS :].any()
    if not constant:
        expected = by_hand(query[0, 0], key[0, 0], masks[0], layout, factor)
        assert np.allclose(bias[0, 0].numpy(), expected, atol=1e-3)


def test_an_empty_mask_suppresses_instead_of_doing_nothing() -> None:
    """c is 0 then, and the bias is 10 times the stretched score less 1."""
    layout = Layout.of("averaged", 1)
    query, key, masks = drawn(2, 1, layout)
    calibration = Calibration(torch.zeros_like(torch.tensor(masks)).float(), layout)
    tensors = [torch.tensor(each).float() for each in (query, key)]
    assert not calibration.trusted(tensors[1]).any()
    assert float(calibration(*tensors)[..., CELLS : 2 * CELLS].mean()) < -2


def features_and_tokens(sam: Tracker, blocks: int, pointers: int = 4) -> tuple[Features, MemoryTokens]:
    """Random ones for two clips, in nano's sizes."""
    generator = torch.Generator().manual_seed(0)
    with torch.inference_mode():
        position = sam.encode(torch.zeros(1, 3, 96, 96)).position.clone()
    image = torch.randn(2, 96, 12, 12, generator=generator)
    tokens = [torch.randn(blocks * 144 + pointers, 2, 48, generator=generator) for _ in range(2)]
    return Features(image, (), position.clone()), MemoryTokens(tokens[0], tokens[1], pointers)


def explicit(calibration: Calibration) -> Any:
    """Attention by hand, with the dense scores of which one block is lowered: the release's way."""

    def attention(query: Tensor, key: Tensor, value: Tensor, attn_mask: Any = None, dropout_p: float = 0.0) -> Tensor:
        scores = query @ key.transpose(-1, -2) / math.sqrt(query.shape[-1])
        size = calibration.masks.shape[-1]
        if key.shape[-2] > size:  # a cross-attention
            start = calibration.layout.pseudo * size
            own = scores[..., start : start + size]
            low, high = own.amin(-1, keepdim=True), own.amax(-1, keepdim=True)
            row = (own - low) / (high - low + 1e-7)
            lowered = own + 10 * (row + calibration.trusted(key)[..., None, :] - 1).clamp(max=0)
            scores = torch.cat([scores[..., :start], lowered, scores[..., start + size :]], -1)
        return scores.softmax(-1) @ value

    return attention


def test_the_fused_path_agrees_with_explicit_attention(monkeypatch: pytest.MonkeyPatch) -> None:
    sam = nano()
    features, tokens = features_and_tokens(sam, blocks=2)
    masks = (torch.rand(2, 1, 144, generator=torch.Generator().manual_seed(1)) > 0.7).float()
    calibration = Calibration(masks, Layout.of("averaged", 1))
    with torch.inference_mode():
        plain = sam.attend(features, tokens).image
        fused = sam.attend(features, tokens, calibration).image
        monkeypatch.setattr(torch.nn.functional, "scaled_dot_product_attention", explicit(calibration))
        by_scores = sam.attend(features, tokens).image
    assert largest_difference(fused, by_scores) <= 1e-5
    assert largest_difference(fused, plain) > 1e-2


def test_without_a_factor_it_is_stock_attention() -> None:
    sam = nano()
    features, tokens = features_and_tokens(sam, blocks=2)
    calibration = Calibration(torch.ones(2, 1, 144), Layout.of("averaged", 1), factor=0.0)
    with torch.inference_mode():
        difference = largest_difference(
            sam.attend(features, tokens, calibration).image, sam.attend(features, tokens).image
        )
    assert difference <= 1e-6


def test_unread_blocks_leave_no_trace() -> None:
    """Attention of the mean, the pseudo memory and two references that only calibrate, against the first two alone."""
    sam, layout = nano(), Layout.of("averaged", 2)
    features, tokens = features_and_tokens(sam, blocks=4)
    masks = (torch.rand(2, 2, 144, generator=torch.Generator().manual_seed(1)) > 0.7).float()
    calibration, biases = Calibration(masks, layout), []
    kept = [*range(2 * 144), *range(4 * 144, 4 * 144 + 4)]

    def noting(query: Tensor, key: Tensor) -> Tensor:
        biases.append(calibration(query, key))
        return biases[-1]

    with torch.inference_mode():
        found = sam.attend(features, tokens, noting).image
        short = MemoryTokens(tokens.keys[kept], tokens.positions[kept], tokens.pointers)
        replayed = iter(biases)
        expected = sam.attend(features, short, lambda *_: next(replayed)[..., kept]).image
    assert largest_difference(found, expected) <= 1e-5


def test_no_gradient_through_the_bias() -> None:
    layout = Layout.of("averaged", 1)
    query, key, masks = (torch.tensor(each).float() for each in drawn(0, 1, layout))
    assert not Calibration(masks, layout)(query.requires_grad_(), key.requires_grad_()).requires_grad
