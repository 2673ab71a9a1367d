"""From scratch: a base with weights is refused, or loses them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import torch

from builders import UNUSED, nano
from sansa_lightning.strategies.from_scratch import FromScratch
from sansa_lightning.trackers.weights import fingerprint
from sansa_lightning.trackers.zoo import Base, base_of

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    path = tmp_path / "nano.pt"
    torch.save({"model": nano(seed=3).state_dict()}, path)
    return path


def test_a_base_with_weights_is_refused(weights: Path) -> None:
    sam = Base("nano", weights).build()
    before = fingerprint(sam)
    with pytest.raises(
        ValueError, match=r"FromScratch: nano holds weights \(.*nano\.pt\); set the base's weights to null"
    ):
        FromScratch().attach(sam, UNUSED)
    assert fingerprint(sam) == before == fingerprint(nano(seed=3))


def test_weights_are_thrown_away_when_told(weights: Path) -> None:
    sam = Base("nano", weights, seed=5).build()
    FromScratch(reinitialise=True).attach(sam, UNUSED)
    assert fingerprint(sam) == fingerprint(Base("nano", None, seed=5).build())


@pytest.mark.parametrize("reinitialise", [False, True])
def test_random_weights_stay_as_they_are(reinitialise: bool) -> None:
    sam = Base("nano", None).build()
    before = fingerprint(sam)
    FromScratch(reinitialise).attach(sam, UNUSED)
    assert fingerprint(sam) == before


def test_a_base_of_unknown_origin() -> None:
    with pytest.raises(ValueError, match=r"the settings of this tracker are unknown; build it with .*Base"):
        FromScratch().attach(nano(), UNUSED)
    assert base_of(Base("nano", None).build()) == Base("nano", None)


def test_a_kind_of_prompts_that_is_not_there() -> None:
    with pytest.raises(ValueError, match=r"FromScratch\.prompts: expected one of mask, points, mixed, but got 'box'"):
        FromScratch(prompts="box")
