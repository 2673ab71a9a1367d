"""LoRA: what is wrapped, peft's own state, merging, dropout, and messages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import pytest
import torch
from torch import Tensor

from builders import frames, largest_difference, mask_prompt, nano, randomise
from sansa_lightning.methods.propagation import Propagation
from sansa_lightning.strategies.base import trained_parameters
from sansa_lightning.strategies.lora import LoRA
from sansa_lightning.strategies.peft_layers import PeftStrategy
from sansa_lightning.strategies.peft_tuner import PeftTuner
from sansa_lightning.trackers.weights import fingerprint

if TYPE_CHECKING:
    from sansa_lightning.trackers.base import Tracker

EVERYTHING = ("qkv", "proj", "mlp", "skip")


def logits(sam: Tracker) -> Tensor:
    with torch.inference_mode():
        return Propagation()(sam, frames(1, 3), [[mask_prompt()]]).logits


def attached(strategy: PeftStrategy) -> Tracker:
    sam = nano()
    strategy.attach(sam)
    randomise(sam)
    return sam


@pytest.mark.parametrize(
    ("scale", "settings"), [(2.5, {"rank": 4, "alpha": 10.0}), (5.0, {"rank": 4, "alpha": 10.0, "use_rslora": True})]
)
def test_a_layer_computes_the_formula(scale: float, settings: dict[str, Any]) -> None:
    layer = attached(LoRA(**settings)).image_encoder.trunk.blocks[3].attn.qkv
    x = torch.randn(5, 128, generator=torch.Generator().manual_seed(0))
    state = layer.state_dict()
    low = x @ state["lora_A.default.weight"].T @ state["lora_B.default.weight"].T
    expected = x @ state["base_layer.weight"].T + state["base_layer.bias"] + scale * low
    assert largest_difference(layer(x), expected) <= 1e-4


def test_targets_are_wrapped_in_every_placed_block() -> None:
    sam = attached(LoRA("blocks 3, 6", EVERYTHING))
    names = {name.partition(".lora_")[0] for name in trained_parameters(sam)}
    layers = ("attn.qkv", "attn.proj", "mlp.layers.0", "mlp.layers.1")
    expected = {f"image_encoder.trunk.blocks.{block}.{layer}" for block in (3, 6) for layer in layers}
    assert names == expected | {"image_encoder.trunk.blocks.6.proj"}


@pytest.mark.slow
@pytest.mark.parametrize(
    "strategy",
    [
        LoRA("all", EVERYTHING),
        LoRA(use_dora=True),
        LoRA(alpha=4.0, use_rslora=True),
        PeftTuner("LOHA"),
        PeftTuner("LOKR"),
        PeftTuner("IA3", options={"feedforward_modules": []}),
    ],
    ids=["LoRA", "DoRA", "rsLoRA", "LoHa", "LoKr", "IA3"],
)
def test_merging_gives_the_same_logits_from_the_plain_base(strategy: PeftStrategy) -> None:
    sam = attached(strategy)
    before = logits(sam)
    assert largest_difference(before, logits(nano())) > 0.1
    strategy.merge(sam)
    assert largest_difference(logits(sam), before) <= 1e-4
    assert sam.state_dict().keys() == nano().state_dict().keys()
    assert trained_parameters(sam) == {}
    plain = nano()
    plain.load_state_dict(sam.state_dict())
    assert torch.equal(logits(plain), logits(sam))
    assert fingerprint(plain) != fingerprint(nano())


@pytest.mark.slow
@pytest.mark.parametrize("strategy", [LoRA(), LoRA(use_dora=True), PeftTuner("LOHA")], ids=["LoRA", "DoRA", "LoHa"])
def test_the_unmerged_state_is_the_one_of_peft(strategy: PeftStrategy) -> None:
    import peft

    sam = attached(strategy)
    state = peft.get_peft_model_state_dict(sam)
    assert sum(tensor.numel() for tensor in state.values()) == sum(p.numel() for p in trained_parameters(sam).values())
    fresh = nano()
    strategy.attach(fresh)
    loaded = peft.set_peft_model_state_dict(fresh, state)
    assert not loaded.unexpected_keys
    assert torch.equal(logits(fresh), logits(sam))


@pytest.mark.parametrize("use_dora", [False, True])
def test_dropout_is_active_in_training_only(use_dora: bool) -> None:
    strategy = LoRA(dropout=0.5, use_dora=use_dora)
    sam = attached(strategy)
    strategy.train(sam, True)
    assert largest_difference(logits(sam), logits(sam)) > 0
    assert not any(module.training for name, module in sam.named_modules() if name.endswith("base_layer"))
    assert not any(module.training for module in sam.memory_attention.modules())
    strategy.train(sam, False)
    assert largest_difference(logits(sam), logits(sam)) == 0


def test_fingerprint_of_the_base_is_taken_before() -> None:
    sam, before = nano(), fingerprint(nano())
    LoRA().attach(sam)
    assert before == fingerprint(nano()) != fingerprint(sam)


def test_peft_wraps_what_it_was_asked_to_or_else() -> None:
    class Careless(LoRA):
        def config(self, modules: Mapping[str, Sequence[str]]) -> Any:
            return super().config({part: names[1:] for part, names in modules.items()})

    message = r"Careless: asked peft to wrap \[.*blocks\.2\.attn\.qkv.*\], but it wrapped \[.*blocks\.3\.attn\.qkv"
    with pytest.raises(ValueError, match=message):
        Careless().attach(nano())


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            {"targets": ["qvk"]},
            r"LoRA\.targets: expected different layers out of .* but got \['qvk'\]; nearest \['qkv'\]",
        ),
        ({"targets": []}, r"LoRA\.targets: .* but got \[\]"),
        ({"targets": ["qkv", "qkv"]}, r"LoRA\.targets: expected different layers"),
        ({"targets": 3}, r"LoRA\.targets: expected a list of layers, such as \['qkv', .*\], but got 3"),
        ({"rank": 0}, r"LoRA\.rank: expected at least 1, a whole number, but got 0"),
        ({"rank": 2.5}, r"LoRA\.rank: expected at least 1, a whole number, but got 2\.5"),
        ({"rank": True}, r"LoRA\.rank: .* but got True"),
        ({"alpha": float("nan")}, r"LoRA\.alpha: expected a number above 0, but got nan"),
        ({"dropout": "x"}, r"LoRA\.dropout: expected a probability in \[0, 1\), but got 'x'"),
        ({"alpha": 0.0}, r"LoRA\.alpha: expected a number above 0, but got 0\.0"),
        ({"dropout": 1.0}, r"LoRA\.dropout: expected a probability in \[0, 1\), but got 1\.0"),
    ],
)
def test_settings_out_of_range(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        LoRA(**settings)


def test_a_target_that_no_placed_block_has() -> None:
    sam = nano()
    message = r"LoRA\.targets: none of the blocks \[3, 4\] has \['skip'\]; they have \['qkv', 'proj', 'mlp'\]"
    with pytest.raises(ValueError, match=message):
        LoRA("blocks 3-4", EVERYTHING).attach(sam)
    LoRA("blocks 2-4", EVERYTHING).attach(sam)  # the first block of a stage has it


# --- targets by part --------------------------------------------------------------------------------------------------

BY_PART = {"trunk": ["qkv", "proj"], "memory_attention": ["q_proj", "k_proj", "v_proj", "out_proj"]}


def test_targets_of_parts_with_a_rank_and_scaling_each() -> None:
    """As FS-SAM2 has them: suffixes of names, a convolution among them."""
    sam = nano()
    LoRA("all", {**BY_PART, "memory_encoder": ["out_proj"]}, RANKS, ALPHAS, dropout=0.0).attach(sam)
    layers = {name: module for name, module in sam.named_modules() if hasattr(module, "lora_A")}
    trunk = {name for name in layers if name.startswith("image_encoder.trunk.")}
    blocks = range(7)
    skips = {f"image_encoder.trunk.blocks.{block}.proj" for block in (1, 2, 6)}
    assert trunk == {
        *(f"image_encoder.trunk.blocks.{block}.attn.{layer}" for block in blocks for layer in ("qkv", "proj")),
        *skips,
        "image_encoder.trunk.patch_embed.proj",
    }
    attentions = [f"memory_attention.layers.{n}.{kind}" for n in (0, 1) for kind in ("self_attn", "cross_attn_image")]
    assert layers.keys() - trunk == {
        "memory_encoder.out_proj",
        *(f"{attention}.{layer}" for attention in attentions for layer in BY_PART["memory_attention"]),
    }
    for name, layer in layers.items():
        part = next(part for part in RANKS if part in name)
        assert layer.r["default"] == RANKS[part]
        assert layer.scaling["default"] == ALPHAS[part] / RANKS[part]


RANKS = {"trunk": 4, "memory_attention": 8, "memory_encoder": 2}
ALPHAS = {"trunk": 16.0, "memory_attention": 4.0, "memory_encoder": 1.0}


def test_a_placement_holds_for_the_trunk_alone() -> None:
    sam = nano()
    LoRA([3], BY_PART).attach(sam)
    layers = {name for name, module in sam.named_modules() if hasattr(module, "lora_A")}
    assert {name for name in layers if "trunk" in name} == {
        f"image_encoder.trunk.blocks.6.{layer}" for layer in ("attn.qkv", "attn.proj", "proj")
    }
    assert len(layers) == 3 + 2 * 2 * 4


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"targets": ["q_proj"]}, r"name the part of layers outside the encoder's blocks, as in \{memory_attention: "),
        (
            {"targets": {"memory": ["q_proj"]}},
            r"LoRA\.targets: expected some of the parts .* but got \['memory'\]",
        ),
        ({"targets": {"trunk": "qkv"}}, r"LoRA\.targets\.trunk: expected a list of layers"),
        (
            {"targets": BY_PART, "rank": {"trunk": 4}},
            r"LoRA\.rank: expected one for each part of the targets, \[",
        ),
        ({"rank": {"trunk": 0}}, r"LoRA\.rank\.trunk: expected at least 1"),
        ({"alpha": {"trunk": -1}}, r"LoRA\.alpha\.trunk: expected a number above 0"),
    ],
)
def test_settings_by_part_that_do_not_fit(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        LoRA(**settings)


def test_a_layer_that_a_part_does_not_have() -> None:
    message = r"LoRA\.targets\.memory_encoder: no layer is called \['q_proj'\]; there are \[.*'out_proj'.*\]"
    with pytest.raises(ValueError, match=message):
        LoRA(targets={"memory_encoder": ["q_proj"]}).attach(nano())
