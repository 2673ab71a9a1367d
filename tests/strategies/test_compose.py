"""Several strategies on one base: order, conflicts, modes, and how a file names them."""

from __future__ import annotations

import re

import pytest
import torch
import yaml
from jsonargparse import ArgumentParser

import sansa_lightning.strategies.all  # noqa: F401  lets the parser know the short names
from builders import UNUSED, frames, largest_difference, mask_prompt, nano, randomise
from sansa_lightning.methods.propagation import Propagation
from sansa_lightning.strategies.adaptformer import AdaptFormer
from sansa_lightning.strategies.base import Strategy, trained_parameters
from sansa_lightning.strategies.compose import Compose
from sansa_lightning.strategies.finetune import FineTune
from sansa_lightning.strategies.frozen import Frozen
from sansa_lightning.strategies.houlsby import Houlsby
from sansa_lightning.strategies.lora import LoRA
from sansa_lightning.strategies.mona import Mona
from sansa_lightning.strategies.peft_tuner import PeftTuner
from sansa_lightning.trackers.base import Tracker


def logits(sam: Tracker) -> torch.Tensor:
    with torch.inference_mode():
        return Propagation()(sam, frames(1, 2), [[mask_prompt()]]).logits


@pytest.mark.parametrize(
    ("first", "second", "where"),
    [
        (AdaptFormer([2]), Mona([2, 3]), "image_encoder.trunk.blocks.2.norm2 and 7 more modules"),
        (AdaptFormer([3]), Houlsby([3]), "image_encoder.trunk.blocks.6.mlp"),
        (LoRA([3]), FineTune("qkv"), "image_encoder.trunk.blocks.6.attn.qkv"),
        (FineTune("qkv"), LoRA([3]), "image_encoder.trunk.blocks.6.attn.qkv"),
        (FineTune("backbone"), FineTune("qkv"), "image_encoder.trunk.blocks.0.attn.qkv and 6 more modules"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Strategy) else "",
)
def test_two_strategies_on_one_module(first: Strategy, second: Strategy, where: str) -> None:
    names = f"{type(first).__name__} and {type(second).__name__}"
    with pytest.raises(ValueError, match=re.escape(f"Compose: {names} both work on {where}; give them different")):
        Compose([first, second]).attach(nano(), UNUSED)


def test_one_layer_wrapped_twice() -> None:
    message = r"LoRA: image_encoder\.trunk\.blocks\.6\.attn\.qkv is wrapped already, by another strategy of this base"
    with pytest.raises(ValueError, match=message):
        Compose([PeftTuner("LOHA", [3]), LoRA("blocks 6")]).attach(nano(), UNUSED)


@pytest.mark.parametrize(
    "strategies",
    [
        [AdaptFormer([2]), Mona([3])],
        [AdaptFormer(), LoRA(targets=["qkv", "mlp"])],
        [LoRA([2]), LoRA([3], rank=2)],
        [LoRA([2]), PeftTuner("LOHA", [3])],
        [FineTune("decoder"), Compose([Houlsby([3]), LoRA([3], ["proj"])])],
        [Frozen(), FineTune("neck")],
    ],
    ids=lambda strategies: " + ".join(type(strategy).__name__ for strategy in strategies),
)
def test_together_they_train_what_each_trains_alone(strategies: list[Strategy]) -> None:
    sam = nano()
    Compose(strategies).attach(sam, UNUSED)
    alone: set[str] = set()
    for strategy in strategies:
        other = nano()
        strategy.attach(other, UNUSED)
        alone |= set(trained_parameters(other))
    assert set(trained_parameters(sam)) == alone


def test_strategies_are_injected_in_their_order() -> None:
    order = []

    class Noted(Frozen):
        def __init__(self, label: str) -> None:
            self.label = label

        def inject(self, sam: object) -> None:
            order.append(self.label)

    Compose([Noted("b"), Noted("a"), Noted("c")]).attach(nano(), UNUSED)
    assert order == ["b", "a", "c"]


def test_each_keeps_its_modes() -> None:
    """LoRA's dropout wakes up although another strategy comes after it."""
    sam, strategy = nano(), Compose([LoRA(dropout=0.5), FineTune("memory_attention")])
    strategy.attach(sam, UNUSED)
    randomise(sam)
    image = frames(1, 1)[0]

    def twice() -> float:
        return largest_difference(*(sam.image_encoder(image)["backbone_fpn"][-1] for _ in range(2)))

    strategy.train(sam, True)
    assert twice() > 0
    assert sam.memory_attention.training
    assert not sam.sam_mask_decoder.training
    strategy.train(sam, False)
    assert twice() == 0
    assert not any(module.training for module in sam.modules())


def test_each_merges_its_own() -> None:
    sam, lora, loha, tuned = nano(), LoRA([2]), PeftTuner("LOHA", [3]), FineTune("neck")
    Compose([lora, loha, tuned]).attach(sam, UNUSED)
    randomise(sam)
    before = logits(sam)
    assert largest_difference(before, logits(nano())) > 0.1
    lora.merge(sam)
    assert largest_difference(logits(sam), before) <= 1e-4
    left = set(trained_parameters(sam))
    assert any("hada" in name for name in left)
    assert any("neck" in name for name in left)
    assert not any("lora" in name for name in sam.state_dict())
    with pytest.raises(ValueError, match="LoRA: there is nothing to merge; expected a base to which it is attached"):
        lora.merge(sam)
    loha.merge(sam)
    assert largest_difference(logits(sam), before) <= 1e-4
    assert sam.state_dict().keys() == nano().state_dict().keys()
    assert trained_parameters(sam)
    assert all("neck" in name for name in trained_parameters(sam))
    assert not hasattr(sam, "peft_config")


def test_from_a_configuration() -> None:
    text = """
    strategy:
      class_path: Compose
      init_args:
        strategies:
        - class_path: LoRA
          init_args: {placement: late, rank: 2}
        - class_path: FineTune
          init_args: {parts: [neck, decoder]}
    """
    parser = ArgumentParser()
    parser.add_argument("--strategy", type=Strategy)
    strategy = parser.instantiate(parser.parse_object(yaml.safe_load(text))).strategy
    expected = Compose([LoRA("late", rank=2), FineTune(["neck", "mask_decoder"])])
    assert isinstance(strategy, Compose)
    assert strategy.settings() == expected.settings()


def test_no_strategy_at_all() -> None:
    with pytest.raises(
        ValueError, match=r"^Compose\.strategies: expected at least one strategy, but got none; use Frozen"
    ):
        Compose([])


@pytest.mark.parametrize("strategies", [LoRA(), [3], ["LoRA"]])
def test_what_is_no_list_of_strategies(strategies: object) -> None:
    with pytest.raises(ValueError, match=r"^Compose\.strategies: expected a list of strategies, but got "):
        Compose(strategies)


def test_settings_that_name_a_strategy_nobody_imported() -> None:
    with pytest.raises(ValueError, match=r"Compose: strategies \['Bitfit'\] are not known; import their modules first"):
        Compose.from_settings({"strategies": [{"class": "Bitfit", "settings": {}}]})
