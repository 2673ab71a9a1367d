"""Mona: the formula of an adapter, and where the two of a block sit."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from builders import frames, largest_difference, nano, randomise
from sansa_lightning.strategies.mona import ConvAdapter, Mona


def depthwise(maps: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """[H, W, C] with one k x k kernel a channel, by a loop over shifts."""
    side = weight.shape[-1]
    padded = F.pad(maps, (0, 0, *[side // 2] * 4))
    height, width, _ = maps.shape
    shifted = (
        padded[row : row + height, column : column + width] * weight[:, 0, row, column]
        for row in range(side)
        for column in range(side)
    )
    return sum(shifted) + bias


def test_an_adapter_computes_the_formula() -> None:
    adapter = ConvAdapter(8, 3, dropout=0.1).eval()
    randomise(adapter)
    x = torch.randn(1, 9, 6, 8, generator=torch.Generator().manual_seed(0))
    state = adapter.state_dict()
    norm = F.layer_norm(x, (8,), state["norm.weight"], state["norm.bias"])
    maps = (norm * state["norm_scale"] + x * state["input_scale"])[0] @ state["down_proj.weight"].T
    maps = maps + state["down_proj.bias"]
    sizes = [depthwise(maps, state[f"depthwise.{i}.weight"], state[f"depthwise.{i}.bias"]) for i in range(3)]
    assert [state[f"depthwise.{i}.weight"].shape[-1] for i in range(3)] == [3, 5, 7]
    maps = maps + sum(sizes) / 3
    maps = maps + maps @ state["pointwise.weight"][:, :, 0, 0].T + state["pointwise.bias"]
    expected = F.gelu(maps) @ state["up_proj.weight"].T + state["up_proj.bias"]
    assert largest_difference(adapter(x)[0], expected) <= 1e-5


@pytest.mark.parametrize("number", [3, 6])
def test_a_block_adapts_its_residual_stream_after_attention_and_after_the_mlp(number: int) -> None:
    plain = nano().image_encoder.trunk.blocks[number]
    sam = nano()
    Mona().attach(sam)
    randomise(sam)
    adapted = sam.image_encoder.trunk.blocks[number]
    residuals: list[Tensor] = []
    plain.norm2.register_forward_pre_hook(lambda _module, inputs: residuals.append(inputs[0]))
    x = torch.randn(2, 12, 12, plain.dim, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        plain(x)
        after_attention = residuals[0] + adapted.mona.after_attention(residuals[0])
        after_mlp = after_attention + plain.mlp(plain.norm2(after_attention))
        expected = after_mlp + adapted.mona.after_mlp(after_mlp)
        assert largest_difference(adapted(x), expected) <= 1e-4 * float(expected.abs().max())
        assert largest_difference(adapted(x), plain(x)) > 0.1


def test_initial_values() -> None:
    adapter = ConvAdapter(8, 3, dropout=0.1)
    assert not adapter.up_proj.weight.any()
    assert not adapter.up_proj.bias.any()
    assert torch.equal(adapter.norm_scale, torch.full((8,), 1e-6))
    assert torch.equal(adapter.input_scale, torch.ones(8))


def test_dropout_is_active_in_training_only() -> None:
    sam, strategy = nano(), Mona()
    strategy.attach(sam)
    randomise(sam)
    image = frames(1, 1)[0]

    def twice() -> float:
        with torch.no_grad():
            return largest_difference(*(sam.image_encoder(image)["backbone_fpn"][-1] for _ in range(2)))

    strategy.train(sam, True)
    assert twice() > 0
    strategy.train(sam, False)
    assert twice() == 0


def test_nothing_is_kept_after_the_forward_pass() -> None:
    sam = nano()
    Mona("all").attach(sam)
    sam.forward_image(frames(1, 1)[0])
    assert all(block.mona._kept == () for block in sam.image_encoder.trunk.blocks)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"width": 0}, r"Mona\.width: expected at least 1 channel, a whole number, but got 0"),
        ({"dropout": 1.0}, r"Mona\.dropout: expected a probability in \[0, 1\), but got 1\.0"),
    ],
)
def test_settings_out_of_range(settings: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Mona(**settings)
