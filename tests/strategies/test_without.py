"""A base without its strategy is the base that was built, bit by bit, whatever was trained."""

from __future__ import annotations

import gc
import weakref
from typing import TYPE_CHECKING

import pytest
import torch
from rows import ROWS, Row

from builders import UNUSED, frames, mask_prompt, randomise
from sansa_lightning.methods.propagation import Propagation
from sansa_lightning.strategies.adaptformer import AdaptFormer
from sansa_lightning.strategies.base import trained_parameters
from sansa_lightning.strategies.from_scratch import FromScratch
from sansa_lightning.strategies.lora import LoRA
from sansa_lightning.strategies.without import Without
from sansa_lightning.trackers.zoo import Base

if TYPE_CHECKING:
    from torch import Tensor

    from sansa_lightning.trackers.base import Tracker

RANDOM = Base("nano", weights=None)


def tracked(sam: Tracker) -> Tensor:
    """Logits of three frames, each prediction being memory for the next."""
    with torch.inference_mode():
        return Propagation()(sam, frames(1, 4), [[mask_prompt()]], propagate_targets=True).logits


def trained(row: Row) -> Tracker:
    sam = RANDOM.build()
    torch.manual_seed(0)
    row.build().attach(sam, UNUSED)
    randomise(sam)
    return sam


@pytest.mark.slow
@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.label)
def test_every_strategy_can_be_left_out_and_comes_back(row: Row) -> None:
    plain = tracked(RANDOM.build())
    sam = trained(row)
    adapted = tracked(sam)
    assert torch.equal(adapted, plain) == (row.count == 0)
    off = Without(sam)
    for _ in range(2):
        with off:
            assert torch.equal(tracked(sam), plain)
        assert torch.equal(tracked(sam), adapted)


def test_adapters_trained_on_the_packaged_base_leave_its_tensors_and_its_tracking_alone() -> None:
    packaged = Base("nano").build()
    expected, tensors = tracked(packaged), packaged.state_dict()
    sam, strategy = Base("nano").build(), AdaptFormer(scale=0.3)
    strategy.attach(sam, UNUSED)
    strategy.train(sam, True)
    optimiser = torch.optim.AdamW(trained_parameters(sam).values(), lr=3e-3, weight_decay=0.01)
    for seed in range(2):
        optimiser.zero_grad()
        logits = Propagation()(sam, frames(1, 3, seed=seed), [[mask_prompt()]], propagate_targets=True).logits
        logits[:, 1:].square().mean().backward()
        optimiser.step()
    strategy.train(sam, False)
    assert not torch.equal(tracked(sam), expected)
    own = sam.state_dict()
    assert all(torch.equal(own[name], tensor) for name, tensor in tensors.items())
    with Without(sam):
        assert torch.equal(tracked(sam), expected)


def test_a_base_trained_from_scratch_gets_its_weights_back() -> None:
    packaged = Base("nano").build()
    sam = Base("nano").build()
    FromScratch(reinitialise=True).attach(sam, UNUSED)
    off = Without(sam)
    assert not torch.equal(tracked(sam), tracked(packaged))
    with off:
        assert torch.equal(tracked(sam), tracked(packaged))
        assert all(torch.equal(tensor, packaged.state_dict()[name]) for name, tensor in sam.state_dict().items())


def test_an_error_inside_brings_the_strategy_back() -> None:
    sam = trained(next(row for row in ROWS if row.label == "AdaptFormer"))
    adapted = tracked(sam)
    with pytest.raises(RuntimeError, match="inside"), Without(sam):
        raise RuntimeError("inside")
    assert torch.equal(tracked(sam), adapted)


def test_what_was_merged_cannot_be_left_out() -> None:
    sam, strategy = RANDOM.build(), LoRA()
    strategy.attach(sam, UNUSED)
    off = Without(sam)
    strategy.merge(sam)
    with pytest.raises(ValueError, match="merged into the base's weights; build the base again"), off:
        pass


def test_a_base_without_strategy_is_refused() -> None:
    with pytest.raises(ValueError, match="expected a base with a strategy attached to it"):
        Without(RANDOM.build())


def test_an_attached_base_can_be_forgotten() -> None:
    sam = RANDOM.build()
    AdaptFormer().attach(sam, UNUSED)
    gone = weakref.ref(sam)
    del sam
    gc.collect()
    assert gone() is None
