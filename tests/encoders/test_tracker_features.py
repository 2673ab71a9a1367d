"""The tracker's own features: of each place, with the strategy and without it, in eval mode and in training."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import pytest
import torch

from builders import UNUSED, frames, nano, randomise
from sansa_lightning.encoders.tracker_features import TrackerFeatures
from sansa_lightning.strategies.adaptformer import AdaptFormer
from sansa_lightning.strategies.finetune import FineTune
from sansa_lightning.strategies.frozen import Frozen
from sansa_lightning.strategies.lora import LoRA
from sansa_lightning.strategies.mona import Mona
from sansa_lightning.strategies.without import Without
from sansa_lightning.trackers.base import Tracker
from sansa_lightning.trackers.sam2.tracker import Sam2Tracker
from sansa_lightning.trackers.zoo import Base

if TYPE_CHECKING:
    from torch import Tensor

    from sansa_lightning.strategies.base import Strategy

PLACES = ("stage 0", "stage 1", "stage 2", "stage 3", "neck")
RANDOM = Base("nano", weights=None)
IMAGES = frames(1, 3, (64, 80))[0]
STRATEGIES = {
    "Frozen": Frozen,
    "AdaptFormer": lambda: AdaptFormer((1, 2)),
    "Mona": lambda: Mona((2,)),
    "LoRA": LoRA,
    "backbone": lambda: FineTune("backbone"),
    "decoder": lambda: FineTune("decoder"),
}


def by_hand(tracker: Tracker, place: str) -> Tensor:
    """What the modules of SAM 2 give."""
    resized = torch.nn.functional.interpolate(IMAGES, (96, 96), mode="bilinear", antialias=True)
    with torch.no_grad():
        if place == "neck":
            return tracker.image_encoder.neck(tracker.image_encoder.trunk(resized))[0][2]
        return tracker.image_encoder.trunk(resized)[int(place[-1])]


def trained(strategy: Strategy) -> Tracker:
    tracker = RANDOM.build()
    strategy.attach(tracker, UNUSED)
    randomise(tracker)
    return tracker


@pytest.mark.parametrize("place", PLACES)
def test_features_are_the_maps_of_the_place(place: Any) -> None:
    tracker = nano()
    found = TrackerFeatures(place)(tracker, IMAGES)
    assert torch.equal(found, by_hand(tracker, place))
    assert torch.equal(found, TrackerFeatures(place, encode_chunk=2)(tracker, IMAGES))
    assert found.dtype == torch.float32
    assert not found.requires_grad


@pytest.mark.slow
@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("name", STRATEGIES)
def test_without_the_strategy_they_are_the_bases_and_with_it_the_adapted_ones(name: str, training: bool) -> None:
    strategy = STRATEGIES[name]()
    tracker = trained(strategy)
    strategy.train(tracker, training)
    modes = {part: module.training for part, module in tracker.named_modules()}
    bare, adapted = TrackerFeatures(adapted=False), TrackerFeatures()
    plain, changed = by_hand(RANDOM.build(), "neck"), adapted(tracker, IMAGES)
    assert torch.equal(bare(tracker, IMAGES), plain)
    assert torch.equal(adapted(tracker, IMAGES), changed)  # also after it was left out
    assert torch.equal(changed, plain) == (name in ("Frozen", "decoder"))
    assert {part: module.training for part, module in tracker.named_modules()} == modes
    randomise(tracker, seed=7)  # training goes on
    assert torch.equal(bare(tracker, IMAGES), plain)


def test_in_training_they_are_those_of_evaluation() -> None:
    strategy = Mona((2,), dropout=0.5)
    tracker = trained(strategy)
    expected = TrackerFeatures()(tracker, IMAGES)
    strategy.train(tracker, True)
    assert torch.equal(TrackerFeatures()(tracker, IMAGES), expected)


def test_a_fine_tuned_decoder_needs_no_second_base(monkeypatch: pytest.MonkeyPatch) -> None:
    tracker = trained(FineTune("decoder"))
    monkeypatch.setattr(Base, "random", lambda _: pytest.fail("a second base was built"))
    TrackerFeatures(adapted=False)(tracker, IMAGES)


def test_a_second_base_is_built_once(monkeypatch: pytest.MonkeyPatch) -> None:
    tracker, built, bare = trained(FineTune("backbone")), [], TrackerFeatures(adapted=False)
    random = Base.random
    monkeypatch.setattr(Base, "random", lambda base: (built.append(base), random(base))[1])
    for _ in range(3):
        bare(tracker, IMAGES)
    assert len(built) == 1
    bare(tracker.double(), IMAGES.double())
    assert len(built) == 2


def test_a_copy_is_of_another_tracker() -> None:
    bare = TrackerFeatures(adapted=False)
    bare(trained(AdaptFormer((2,))), IMAGES)
    other = copy.deepcopy(bare)
    assert torch.equal(other(trained(AdaptFormer((3,))), IMAGES), by_hand(RANDOM.build(), "neck"))


class Silent(Sam2Tracker):
    """A tracker whose stages cannot be tapped."""

    tap = Tracker.tap


def test_a_tracker_that_gives_no_stages_is_refused() -> None:
    tracker = nano()
    tracker.__class__ = Silent
    assert TrackerFeatures()(tracker, IMAGES).shape == (3, 96, 12, 12)
    with pytest.raises(
        ValueError, match=r"TrackerFeatures\.place: expected 'neck', since Silent gives none of 'stage 2'"
    ):
        TrackerFeatures("stage 2")(tracker, IMAGES)


def test_a_base_without_strategy_is_as_it_was() -> None:
    tracker = RANDOM.build()
    assert torch.equal(TrackerFeatures(adapted=False)(tracker, IMAGES), by_hand(tracker, "neck"))


@pytest.mark.parametrize("name", ["AdaptFormer", "LoRA"])
def test_inside_without_the_strategy_stays_off(name: str) -> None:
    tracker = trained(STRATEGIES[name]())
    with torch.no_grad(), Without(tracker):
        TrackerFeatures(adapted=False)(tracker, IMAGES)
        assert torch.equal(tracker.encode(IMAGES).image, by_hand(RANDOM.build(), "neck"))
    with torch.no_grad():
        assert not torch.equal(tracker.encode(IMAGES).image, by_hand(RANDOM.build(), "neck"))


def test_a_merged_strategy_cannot_be_left_out() -> None:
    strategy, encoder = LoRA((1, 2)), TrackerFeatures(adapted=False)
    tracker = RANDOM.build()
    strategy.attach(tracker, UNUSED)
    encoder(tracker, IMAGES)
    strategy.merge(tracker)
    with pytest.raises(ValueError, match="the strategy was merged into the base's weights"):
        encoder(tracker, IMAGES)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"place": "decoder"}, r"TrackerFeatures\.place: expected one of stage 0, .*, neck, but got 'decoder'"),
        ({"encode_chunk": 0}, r"TrackerFeatures\.encode_chunk: expected at least 1 frame, a whole number, but got 0"),
    ],
)
def test_wrong_settings(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        TrackerFeatures(**settings)
