"""A bias on memory attention: exactly where it is asked for, by the fused kernel as by hand."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F

from builders import frames, largest_difference, mask_prompt, nano, propagation
from sansa_lightning.trackers.base import Features, MemoryTokens, Tracker


def target_and_tokens(sam: Tracker) -> tuple[Features, MemoryTokens]:
    """Features of a target, and what memory attention reads of one reference with a mask."""
    reading = propagation().read(sam, frames(1, 2), [[mask_prompt()]])
    bank = reading.bank
    tokens = sam.tokens([(bank.frames[0], 6)], [(bank.frames[0], 1)], 2)
    return reading.features.select(torch.tensor([1])), tokens


def test_a_bias_is_added_to_the_scores_of_each_cross_attention_and_of_nothing_else():
    """As computed by hand: softmax(q k / sqrt(C) + bias) v, in both layers."""
    sam, seen = nano(), []
    features, tokens = target_and_tokens(sam)
    generator = torch.Generator().manual_seed(3)
    lengths = (features.image[0, 0].numel(), len(tokens.keys))
    bias = torch.randn(1, 1, *lengths, generator=generator)

    def by_hand(query, key, value, attn_mask=None, dropout_p=0.0):
        scores = query @ key.transpose(-1, -2) / math.sqrt(query.shape[-1])
        if key.shape[-2] == lengths[1]:
            scores = scores + bias
        return scores.softmax(-1) @ value

    with torch.inference_mode():
        plain = sam.attend(features, tokens).image
        found = sam.attend(features, tokens, lambda query, key: (seen.append((query.shape, key.shape)), bias)[1]).image
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(F, "scaled_dot_product_attention", by_hand)
            expected = sam.attend(features, tokens).image
    assert largest_difference(found, expected) <= 1e-5
    assert largest_difference(found, plain) > 1e-2
    assert [(query[-2], key[-2]) for query, key in seen] == [lengths] * 2


def test_no_bias_and_a_bias_of_zeros_are_the_same():
    sam = nano()
    features, tokens = target_and_tokens(sam)
    with torch.inference_mode():
        plain = sam.attend(features, tokens).image
        zeros = sam.attend(features, tokens, lambda query, key: query.new_zeros(1, 1, 1, key.shape[-2])).image
        again = sam.attend(features, tokens).image
    assert largest_difference(plain, zeros) <= 1e-5
    assert torch.equal(plain, again)  # nothing stays behind


def test_a_token_of_minus_infinity_is_not_read():
    sam = nano()
    features, tokens = target_and_tokens(sam)
    kept = MemoryTokens(tokens.keys[: -tokens.pointers], tokens.positions[: -tokens.pointers], 0)
    without = torch.zeros(len(tokens.keys))
    without[-tokens.pointers :] = -math.inf
    with torch.inference_mode():
        found = sam.attend(features, tokens, lambda *_: without).image
        expected = sam.attend(features, kept).image
        assert largest_difference(expected, sam.attend(features, tokens).image) > 1e-3
    assert largest_difference(found, expected) <= 1e-5


def test_gradients_flow_through_the_bias():
    sam = nano()
    features, tokens = target_and_tokens(sam)
    weight = torch.zeros(len(tokens.keys), requires_grad=True)
    sam.attend(features, tokens, lambda *_: weight).image.square().mean().backward()
    assert weight.grad is not None
    assert weight.grad.abs().max() > 0


def test_an_error_inside_leaves_nothing_behind():
    sam = nano()
    features, tokens = target_and_tokens(sam)

    def fail(*_):
        raise RuntimeError("inside")

    with torch.inference_mode():
        before = sam.attend(features, tokens).image
        with pytest.raises(RuntimeError, match="inside"):
            sam.attend(features, tokens, fail)
        assert torch.equal(sam.attend(features, tokens).image, before)
