"""AdaptFormer: sizes and names as published, where it sits, what trains, and that it starts as nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import torch
from torch import nn

from builders import frames, largest_difference, mask_prompt, nano, randomise
from sansa_lightning.methods.propagation import Propagation
from sansa_lightning.strategies.adaptformer import AdaptFormer, Bottleneck
from sansa_lightning.strategies.base import trained_parameters
from sansa_lightning.trackers.zoo import Base

if TYPE_CHECKING:
    from sansa_lightning.trackers.base import Tracker

# docs/sansa.md 1.1: channels of the first stage and blocks of each stage.
SIZES = {"tiny": (96, (1, 2, 7, 2)), "base_plus": (112, (2, 3, 16, 3)), "large": (144, (2, 6, 36, 4))}
TOTALS = {  # docs/sansa.md 2; the paper's rule at 0.5 is not in its table
    ("tiny", "released"): {0.3: 1_117_380, 0.5: 1_857_696, 0.8: 2_962_404},
    ("tiny", "paper"): {0.3: 1_338_737, 0.8: 3_552_689},
    ("base_plus", "released"): {0.3: 3_093_947, 0.5: 5_152_112, 0.8: 8_216_491},
    ("base_plus", "paper"): {0.3: 3_399_687, 0.8: 9_024_327},
    ("large", "released"): {0.3: 9_898_385, 0.5: 16_511_184, 0.8: 26_333_537},
    ("large", "paper"): {0.3: 10_447_036, 0.8: 27_712_060},
}
PARTS = {
    f"{part}.{kind}" for part in ("adapter_layer_norm_before", "down_proj", "up_proj") for kind in ("weight", "bias")
}
FIRST_BLOCKS = {"tiny": (3, 12), "base_plus": (5, 24), "large": (8, 48)}


def expected_total(size: str, rule: str, factor: float) -> int:
    """The formula of docs/sansa.md 2 over the blocks of stages 2 and 3, without building anything."""
    first, blocks = SIZES[size]
    total = 0
    for stage in (2, 3):
        d = first * 2**stage
        for block in range(blocks[stage]):
            width_in = d // 2 if block == 0 else d
            h = int(factor * width_in) if rule == "released" else round(factor * d)
            total += 2 * d + d * h + h + h * d + d
    return total


@pytest.fixture(scope="module", params=SIZES)
def published(request: pytest.FixtureRequest) -> tuple[str, Tracker]:
    """A published architecture, built once; tests inject one AdaptFormer after another and only look at its shapes."""
    return request.param, Base(f"sam2_hiera_{request.param}", weights=None).random().requires_grad_(False)


@pytest.mark.slow
@pytest.mark.parametrize("rule", ["released", "paper"])
def test_totals_equal_the_table(published: tuple[str, Tracker], rule: str) -> None:
    size, sam = published
    for factor in (0.3, 0.5, 0.8):
        AdaptFormer(factor=factor, hidden_rule=rule).inject(sam)
        total = sum(parameter.numel() for parameter in trained_parameters(sam).values())
        assert total == expected_total(size, rule, factor)
        assert total == TOTALS[size, rule].get(factor, total)


def test_keys_and_widths_as_published(published: tuple[str, Tracker]) -> None:
    size, sam = published
    AdaptFormer().inject(sam)
    start, end = FIRST_BLOCKS[size]
    names = {f"image_encoder.trunk.blocks.{block}.adapter.{part}" for block in range(start, end) for part in PARTS}
    assert set(trained_parameters(sam)) == names
    assert len(names) == {"tiny": 54, "base_plus": 114, "large": 240}[size]
    hidden = {"tiny": (57, 115, 115, 230), "base_plus": (67, 134, 134, 268), "large": (86, 172, 172, 345)}[size]
    coarse = start + SIZES[size][1][2]
    adapters = [sam.image_encoder.trunk.blocks[block].adapter for block in (start, start + 1, coarse, coarse + 1)]
    assert tuple(adapter.down_proj.out_features for adapter in adapters) == hidden


def test_starts_as_nothing_on_nano() -> None:
    images, prompts = frames(2, 3), [[mask_prompt()]] * 2
    sam = nano()
    with torch.inference_mode():
        before = Propagation()(sam, images, prompts)
        AdaptFormer(placement=(0, 1, 2, 3)).attach(sam)
        after = Propagation()(sam, images, prompts)
        randomise(sam)
        trained = Propagation()(sam, images, prompts)
    assert torch.equal(before.logits, after.logits)
    assert torch.equal(before.low, after.low)
    assert largest_difference(before.logits, trained.logits) > 1e-2


@pytest.mark.slow
def test_starts_as_nothing_on_tiny() -> None:
    torch.manual_seed(0)
    sam = Base("sam2_hiera_tiny", weights=None).random().eval()
    image = torch.randn(1, 3, 256, 256)
    with torch.inference_mode():
        before = sam.image_encoder(image)["backbone_fpn"]  # all that the rest of the model sees of an image
        weights = {name: value.clone() for name, value in sam.state_dict().items()}
        AdaptFormer().attach(sam)
        after = sam.image_encoder(image)["backbone_fpn"]
        state = sam.state_dict()
        randomise(sam)
        trained = sam.image_encoder(image)["backbone_fpn"]
    assert all(torch.equal(state[name], value) for name, value in weights.items())
    assert all(torch.equal(one, other) for one, other in zip(before, after, strict=True))
    assert not torch.equal(before[-1], trained[-1])


def test_an_adapter_computes_the_formula() -> None:
    adapter = Bottleneck(8, 3, scale=0.1)
    randomise(adapter)
    x = torch.randn(2, 4, 4, 8, generator=torch.Generator().manual_seed(0))
    state = adapter.state_dict()
    normal = (x - x.mean(-1, keepdim=True)) / (x.var(-1, unbiased=False, keepdim=True) + 1e-5).sqrt()
    normal = normal * state["adapter_layer_norm_before.weight"] + state["adapter_layer_norm_before.bias"]
    hidden = (normal @ state["down_proj.weight"].T + state["down_proj.bias"]).clamp(min=0)
    expected = 0.1 * (hidden @ state["up_proj.weight"].T + state["up_proj.bias"])
    assert largest_difference(adapter(x), expected) <= 1e-6


@pytest.mark.parametrize("number", [2, 3])
def test_a_block_adds_it_beside_its_mlp(number: int) -> None:
    """Block output = x + MLP(norm2(x)) + adapter(x), x being the residual after attention (docs/sansa.md 2)."""
    sam = nano()
    AdaptFormer().attach(sam)
    randomise(sam)
    block = sam.image_encoder.trunk.blocks[number]
    residual = []
    block.norm2.register_forward_pre_hook(lambda _module, inputs: residual.append(inputs[0]))
    x = torch.randn(1, 12, 12, block.dim, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        output = block(x)
        mlp_only = block.mlp.layers[0](block.norm2(residual[0]))
        mlp_only = block.mlp.layers[1](block.mlp.act(mlp_only))
        expected = residual[0] + mlp_only + block.adapter(residual[0])
    assert block.adapter.up_proj.weight.abs().max() > 0
    assert largest_difference(output, expected) <= 1e-5


def test_initial_values() -> None:
    torch.manual_seed(0)
    adapter = Bottleneck(64, 19, scale=0.1)
    state = adapter.state_dict()
    assert all(not state[zero].any() for zero in ("up_proj.weight", "up_proj.bias", "down_proj.bias"))
    bound = (1 / 64) ** 0.5  # Kaiming-uniform with a = sqrt(5) is uniform in ±1/sqrt(fan in)
    assert 0.9 * bound < state["down_proj.weight"].abs().max() <= bound
    assert isinstance(adapter.adapter_layer_norm_before, nn.LayerNorm)
    assert adapter.adapter_layer_norm_before.eps == 1e-5


def test_a_residual_is_not_kept_after_the_forward_pass() -> None:
    sam = nano()
    AdaptFormer().attach(sam)
    sam.forward_image(frames(1, 1)[0])
    assert all(block.adapter._residual is None for block in sam.image_encoder.trunk.blocks[2:])


@pytest.mark.parametrize(
    ("placement", "blocks"), [((0,), [0]), ((3, 2), [2, 3, 4, 5, 6]), ((1, 3), [1, 6]), ((0, 1, 2, 3), list(range(7)))]
)
def test_placement_is_whole_stages(placement: tuple[int, ...], blocks: list[int]) -> None:
    sam = nano()
    strategy = AdaptFormer(placement)
    strategy.attach(sam)
    assert [i for i, block in enumerate(sam.image_encoder.trunk.blocks) if hasattr(block, "adapter")] == blocks
    assert strategy.placement == tuple(sorted(placement))


def test_widths_given_for_each_block() -> None:
    sam = nano()
    AdaptFormer(placement=(3, 1), hidden={1: 5, 6: 7}).attach(sam)
    widths = {i: sam.image_encoder.trunk.blocks[i].adapter.down_proj.out_features for i in (1, 6)}
    assert widths == {1: 5, 6: 7}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"placement": [4]}, r"AdaptFormer\.placement: expected different stages out of \[0, 1, 2, 3\], but got \[4\]"),
        ({"placement": [-1]}, r"AdaptFormer\.placement: .* but got \[-1\]"),
        ({"placement": []}, r"AdaptFormer\.placement: .* but got \[\]"),
        ({"placement": [2, 2]}, r"AdaptFormer\.placement: .* but got \[2, 2\]"),
        ({"factor": 0.0}, r"AdaptFormer\.factor: expected a number in \(0, 4\], but got 0\.0"),
        ({"factor": 4.5}, r"AdaptFormer\.factor: .* but got 4\.5"),
        ({"factor": "x"}, r"AdaptFormer\.factor: expected a number in \(0, 4\], but got 'x'"),
        ({"factor": True}, r"AdaptFormer\.factor: .* but got True"),
        ({"scale": float("nan")}, r"AdaptFormer\.scale: expected a finite number, but got nan"),
        ({"scale": float("inf")}, r"AdaptFormer\.scale: .* but got inf"),
        ({"hidden": 3}, r"AdaptFormer\.hidden: expected a width for each block, whole numbers, but got 3"),
        ({"hidden": {2: 2.5}}, r"AdaptFormer\.hidden: .* but got \{2: 2\.5\}"),
        ({"insertion": ["x"]}, r"AdaptFormer\.insertion: expected 'parallel' or 'sequential', but got \['x'\]"),
        ({"scale": "0.1"}, r"AdaptFormer\.scale: .* but got '0\.1'"),
        ({"hidden_rule": "mine"}, r"AdaptFormer\.hidden_rule: expected 'released' or 'paper', but got 'mine'"),
    ],
)
def test_settings_out_of_range(options: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        AdaptFormer(**options)


@pytest.mark.parametrize("hidden", [{2: 4}, {}, {2: 4, 3: 4, 4: 4, 5: 4, 6: 4, 7: 4}])
def test_widths_for_other_blocks_leave_the_base_alone(hidden: dict[int, int]) -> None:
    sam = nano()
    with pytest.raises(
        ValueError, match=r"AdaptFormer\.hidden: expected a width for each of the blocks \[2, 3, 4, 5, 6\]"
    ):
        AdaptFormer(hidden=hidden).attach(sam)
    AdaptFormer().attach(sam)  # a failed try does not count as attached


@pytest.mark.parametrize("settings", [{"factor": 0.01}, {"hidden": {0: 0}}])
def test_a_bottleneck_of_nothing(settings: dict) -> None:
    with pytest.raises(ValueError, match=r"AdaptFormer: expected bottlenecks of at least 1 channel, but got \{0: 0\}"):
        AdaptFormer(placement=[0], **settings).attach(nano())
