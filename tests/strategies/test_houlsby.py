"""Houlsby: the formula of an adapter, and where the two of a block sit."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from builders import largest_difference, nano, randomise
from sansa_lightning.strategies.houlsby import Houlsby, SerialAdapter


def test_an_adapter_computes_the_formula() -> None:
    adapter = SerialAdapter(8, 3)
    randomise(adapter)
    m = torch.randn(2, 4, 8, generator=torch.Generator().manual_seed(0))
    state = adapter.state_dict()
    hidden = m @ state["down_proj.weight"].T + state["down_proj.bias"]
    hidden = hidden * 0.5 * (1 + torch.erf(hidden / math.sqrt(2)))
    expected = m + hidden @ state["up_proj.weight"].T + state["up_proj.bias"]
    assert largest_difference(adapter(m), expected) <= 1e-6


@pytest.mark.parametrize(("number", "side"), [(3, 12), (6, 12), (6, 10)])
def test_a_block_adapts_both_branches_before_they_are_added(number: int, side: int) -> None:
    """Global block; windows and pooled queries; windows with padding. The plain block gives branch and shortcut."""
    plain = nano().image_encoder.trunk.blocks[number]
    sam = nano()
    Houlsby("all", width=16).attach(sam)
    randomise(sam)
    adapted = sam.image_encoder.trunk.blocks[number]
    branches: list[Tensor] = []
    residuals: list[Tensor] = []
    plain.drop_path.register_forward_pre_hook(lambda _module, inputs: branches.append(inputs[0]))
    plain.norm2.register_forward_pre_hook(lambda _module, inputs: residuals.append(inputs[0]))
    x = torch.randn(1, side, side, plain.dim, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        plain(x)
        after_attention, after_mlp = adapted.houlsby["after_attention"], adapted.houlsby["after_mlp"]
        residual = residuals[0] - branches[0] + after_attention(branches[0])
        expected = residual + after_mlp(plain.mlp(plain.norm2(residual)))
        assert largest_difference(adapted(x), expected) <= 1e-4
        assert largest_difference(adapted(x), plain(x)) > 0.1


def test_a_width_of_nothing() -> None:
    with pytest.raises(ValueError, match=r"Houlsby\.width: expected at least 1 channel, a whole number, but got 0"):
        Houlsby(width=0)
