"""What every strategy promises: settings, freezing, modes, attaching once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import torch
import yaml

import sansa_lightning.strategies.all as project
from builders import frames, largest_difference, mask_prompt, nano, randomise
from sansa_lightning.methods.propagation import Propagation
from sansa_lightning.strategies.adaptformer import AdaptFormer
from sansa_lightning.strategies.base import Strategy, check_stages, placed_blocks, trained_parameters
from sansa_lightning.strategies.frozen import Frozen

if TYPE_CHECKING:
    from sansa_lightning.trackers.base import Tracker


def step(sam: Tracker, strategy: Strategy) -> None:
    """One training step."""
    strategy.train(sam, True)
    optimiser = torch.optim.SGD(trained_parameters(sam).values(), lr=0.1)
    Propagation()(sam, frames(1, 3), [[mask_prompt()]]).logits[:, 1:].square().mean().backward()
    optimiser.step()


ROWS = [
    pytest.param(Frozen, {}, id="Frozen"),
    pytest.param(AdaptFormer, {}, id="AdaptFormer"),
    pytest.param(AdaptFormer, {"placement": (1,), "factor": 0.5, "hidden_rule": "paper", "scale": 1.0}, id="paper"),
    pytest.param(AdaptFormer, {"placement": (3,), "hidden": {6: 9}}, id="hidden"),
]


REQUIRED = {"Compose": {"strategies": [AdaptFormer(), Frozen()]}, "PeftTuner": {"tuner": "LORA"}}


@pytest.mark.parametrize("name", project.__all__)
def test_settings_of_every_strategy_are_plain_and_make_an_equal_one(name: str) -> None:
    strategy_class = getattr(project, name)
    plain = strategy_class(**REQUIRED.get(name, {})).settings()
    assert yaml.safe_load(yaml.safe_dump(plain)) == plain
    assert strategy_class.from_settings(plain).settings() == plain


@pytest.mark.parametrize(("strategy_class", "settings"), ROWS)
class TestEveryStrategy:
    def test_settings_make_an_equal_one(self, strategy_class: type[Strategy], settings: dict) -> None:
        strategy = strategy_class(**settings)
        plain = strategy.settings()
        assert plain.items() >= {key: list(v) if isinstance(v, tuple) else v for key, v in settings.items()}.items()
        assert strategy_class.from_settings(plain).settings() == plain
        assert yaml.safe_load(yaml.safe_dump(plain)) == plain  # plain values only

    def test_attaching_changes_no_logit(self, strategy_class: type[Strategy], settings: dict) -> None:
        sam, images, prompts = nano(), frames(1, 3), [[mask_prompt()]]
        with torch.inference_mode():
            before = Propagation()(sam, images, prompts).logits
            strategy_class(**settings).attach(sam)
            assert torch.equal(Propagation()(sam, images, prompts).logits, before)

    def test_frozen_tensors_keep_their_bits_and_get_no_gradient(
        self, strategy_class: type[Strategy], settings: dict
    ) -> None:
        sam, strategy = nano(), strategy_class(**settings)
        strategy.attach(sam)
        before = {name: tensor.clone() for name, tensor in sam.state_dict().items()}
        trained = set(trained_parameters(sam))
        if not trained:
            return
        step(sam, strategy)
        changed = {name for name, tensor in sam.state_dict().items() if not torch.equal(tensor, before[name])}
        assert changed <= trained
        assert changed
        assert {name for name, parameter in sam.named_parameters() if parameter.grad is not None} == trained

    def test_what_is_frozen_stays_in_eval(self, strategy_class: type[Strategy], settings: dict) -> None:
        sam, strategy = nano().train(), strategy_class(**settings)
        strategy.attach(sam)
        assert not any(module.training for module in sam.modules())
        sam.train()  # what a trainer does
        strategy.train(sam, True)
        for name, module in sam.named_modules():
            parameters = list(module.parameters())
            all_train = bool(parameters) and all(parameter.requires_grad for parameter in parameters)
            assert module.training is all_train or not parameters, name
        assert not sam.memory_attention.training
        assert not any(module.training for module in sam.memory_attention.modules())
        strategy.train(sam, False)
        assert not any(module.training for module in sam.modules())

    def test_attaching_twice(self, strategy_class: type[Strategy], settings: dict) -> None:
        sam = nano()
        strategy_class(**settings).attach(sam)
        name = strategy_class.__name__
        with pytest.raises(ValueError, match=rf"AdaptFormer: this base already has {name} attached"):
            AdaptFormer().attach(sam)
        strategy_class(**settings).attach(nano())  # another base is free


def test_adapters_are_all_that_trains() -> None:
    sam = nano()
    AdaptFormer().attach(sam)
    randomise(sam)
    step(sam, AdaptFormer())
    gradients = {name: parameter.grad for name, parameter in sam.named_parameters() if parameter.grad is not None}
    assert gradients
    assert all(".adapter." in name for name in gradients)
    assert all(bool(gradient.abs().max() > 0) for gradient in gradients.values())


def test_frozen_trains_nothing() -> None:
    sam = nano()
    Frozen().attach(sam)
    assert trained_parameters(sam) == {}


def test_dropout_of_memory_attention_is_off_while_adapters_train() -> None:
    sam, strategy = nano(), AdaptFormer()
    strategy.attach(sam)
    strategy.train(sam, True)
    first, second = (Propagation()(sam, frames(1, 3), [[mask_prompt()]]).logits for _ in range(2))
    assert largest_difference(first, second) == 0


@pytest.mark.parametrize("placement", [[4], [-1], [], [2, 2], [0, 1, 2, 3, 4]])
def test_stages_that_are_none(placement: list[int]) -> None:
    message = r"LoRA\.placement: expected different stages out of \[0, 1, 2, 3\], but got \["
    with pytest.raises(ValueError, match=message):
        check_stages(placement, "LoRA")


def test_blocks_of_a_placement() -> None:
    assert placed_blocks(nano(), check_stages([3, 1], "x")) == [1, 6]
