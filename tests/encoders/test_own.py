"""The tracker's own features as an encoder: those of a stage, and of the base as it was."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch

from builders import UNUSED, frames, largest_difference, nano, randomise
from sansa_lightning.encoders.base import described, encoder_of
from sansa_lightning.encoders.own import OwnStage
from sansa_lightning.strategies.adaptformer import AdaptFormer
from sansa_lightning.strategies.base import Strategy
from sansa_lightning.strategies.finetune import FineTune
from sansa_lightning.strategies.lora import LoRA
from sansa_lightning.strategies.without import Without
from sansa_lightning.trackers.zoo import Base

IMAGES = frames(1, 2)[0]
RANDOM = Base("nano", weights=None)


@pytest.mark.parametrize("stage", [0, 1, 2, 3])
def test_a_stage_is_that_of_the_tracker(stage: int) -> None:
    sam = nano()
    found = OwnStage(f"stage {stage}", chunk=1)(sam, IMAGES)
    with torch.no_grad():
        assert largest_difference(found, sam.stages(IMAGES)[stage]) <= 1e-5
    assert not found.requires_grad


def test_the_neck_is_what_memory_attention_gets() -> None:
    sam = nano()
    with torch.no_grad():
        assert torch.equal(OwnStage("neck")(sam, IMAGES), sam.encode(IMAGES).image)


@pytest.mark.parametrize(
    "strategy",
    [AdaptFormer(placement=[1, 2]), LoRA(placement=[1, 2]), FineTune("backbone"), FineTune("decoder")],
    ids=lambda each: type(each).__name__ + str(getattr(each, "parts", "")),
)
def test_without_the_strategy_it_is_the_base_as_it_was(strategy: Strategy) -> None:
    expected = OwnStage()(RANDOM.build(), IMAGES)
    sam = RANDOM.build()
    strategy.attach(sam, UNUSED)
    frozen, adapted = OwnStage(), OwnStage(adapted=True)
    for encoder in (frozen, adapted):
        encoder.attach(sam)
    randomise(sam)
    trains = [parameter.requires_grad for parameter in sam.parameters()]
    before = adapted(sam, IMAGES)
    assert torch.equal(frozen(sam, IMAGES), expected)
    assert torch.equal(adapted(sam, IMAGES), before)
    assert torch.equal(before, expected) == (getattr(strategy, "parts", None) == ("mask_decoder",))
    assert [parameter.requires_grad for parameter in sam.parameters()] == trains
    assert all(not parameter.requires_grad for parameter in frozen.parameters())
    twin, of_twin = copy.deepcopy((frozen, sam))
    assert torch.equal(twin(of_twin, IMAGES), expected)


@pytest.mark.parametrize("strategy", [AdaptFormer(placement=[1, 2]), LoRA(placement=[1, 2])], ids=["own", "peft"])
def test_inside_without_the_strategy_stays_off(strategy: Strategy) -> None:
    sam = RANDOM.build()
    plain = sam.encode(IMAGES).image.detach().clone()
    strategy.attach(sam, UNUSED)
    encoder = OwnStage()
    encoder.attach(sam)
    randomise(sam)
    with torch.no_grad(), Without(sam):
        encoder(sam, IMAGES)
        assert torch.equal(sam.encode(IMAGES).image, plain)
    with torch.no_grad():
        assert not torch.equal(sam.encode(IMAGES).image, plain)


def test_a_merged_strategy_cannot_be_left_out() -> None:
    sam, strategy, encoder = RANDOM.build(), LoRA(placement=[1, 2]), OwnStage()
    strategy.attach(sam, UNUSED)
    encoder.attach(sam)
    strategy.merge(sam)
    with pytest.raises(ValueError, match=r"^OwnStage: the strategy was merged into the base's weights"):
        encoder(sam, IMAGES)


def test_settings_rebuild_it() -> None:
    encoder = OwnStage("neck", adapted=True, chunk=3)
    said = described(encoder)
    assert said == {"class": "OwnStage", "settings": {"place": "neck", "adapted": True, "chunk": 3}}
    assert encoder_of(said).settings() == encoder.settings()
    with pytest.raises(ValueError, match=r"^encoder 'Nothing' is not known; .* known: \[.*'OwnStage'"):
        encoder_of({"class": "Nothing", "settings": {}})


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"place": "stage 4"}, r"^OwnStage\.place: expected one of stage 0, .*, neck, but got 'stage 4'$"),
        ({"chunk": 0}, r"^OwnStage\.chunk: expected at least 1 frame, or null for all, but got 0$"),
    ],
)
def test_mistakes(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        OwnStage(**settings)
