"""AdaptFormer without its LayerNorm, and behind the MLP instead of beside it."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from builders import largest_difference, nano, randomise
from sansa_lightning.strategies.adaptformer import AdaptFormer, Bottleneck
from sansa_lightning.strategies.base import trained_parameters


def test_without_layer_norm_an_adapter_computes_the_formula_of_the_paper() -> None:
    adapter = Bottleneck(8, 3, scale=0.5, layer_norm=False)
    randomise(adapter)
    x = torch.randn(2, 4, 4, 8, generator=torch.Generator().manual_seed(0))
    state = adapter.state_dict()
    hidden = (x @ state["down_proj.weight"].T + state["down_proj.bias"]).clamp(min=0)
    expected = 0.5 * (hidden @ state["up_proj.weight"].T + state["up_proj.bias"])
    assert largest_difference(adapter(x), expected) <= 1e-6
    assert len(state) == 4


@pytest.mark.parametrize("number", [3, 6])
def test_sequential_adapters_read_the_result_of_the_mlp(number: int) -> None:
    plain = nano().image_encoder.trunk.blocks[number]
    sam = nano()
    AdaptFormer(insertion="sequential").attach(sam)
    randomise(sam)
    adapted = sam.image_encoder.trunk.blocks[number]
    residuals: list[Tensor] = []
    plain.norm2.register_forward_pre_hook(lambda _module, inputs: residuals.append(inputs[0]))
    x = torch.randn(1, 12, 12, plain.dim, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        plain(x)
        result = plain.mlp(plain.norm2(residuals[0]))
        expected = residuals[0] + result + adapted.adapter(result)
        assert largest_difference(adapted(x), expected) <= 1e-5
        assert largest_difference(adapted(x), plain(x)) > 1e-2


def test_names_are_the_published_ones_in_either_form() -> None:
    names = []
    for insertion in ("parallel", "sequential"):
        sam = nano()
        AdaptFormer(insertion=insertion).attach(sam)
        names.append(set(trained_parameters(sam)))
    assert names[0] == names[1]


def test_an_insertion_that_is_not_there() -> None:
    message = r"AdaptFormer\.insertion: expected 'parallel' or 'sequential', but got 'serial'"
    with pytest.raises(ValueError, match=message):
        AdaptFormer(insertion="serial")
