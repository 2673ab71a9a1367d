"""A deep copy of a base that has a strategy: it has the strategy too, of its own."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable

import pytest
import torch

from builders import UNUSED, frames, largest_difference, mask_prompt, nano, randomise
from sansa_lightning.methods.propagation import Propagation
from sansa_lightning.strategies.adaptformer import AdaptFormer
from sansa_lightning.strategies.base import Strategy, trained_parameters
from sansa_lightning.strategies.finetune import FineTune
from sansa_lightning.strategies.frozen import Frozen
from sansa_lightning.strategies.houlsby import Houlsby
from sansa_lightning.strategies.lora import LoRA
from sansa_lightning.strategies.mona import Mona
from sansa_lightning.trackers.base import Tracker
from sansa_lightning.trackers.weights import fingerprint

STRATEGIES = [AdaptFormer([3]), Houlsby([3]), LoRA([3]), Mona([3]), FineTune("neck"), Frozen()]


def logits(sam: Tracker) -> torch.Tensor:
    with torch.inference_mode():
        return Propagation()(sam, frames(1, 2), [[mask_prompt()]]).logits


def pickled(sam: Tracker) -> Tracker:
    """As a spawned process gets it."""
    twin: Tracker = pickle.loads(pickle.dumps(sam))  # noqa: S301 - our own object
    return twin


@pytest.mark.parametrize("strategy", STRATEGIES, ids=lambda strategy: type(strategy).__name__)
def test_a_copy_has_the_strategy(strategy: Strategy) -> None:
    sam = nano()
    strategy.attach(sam, UNUSED)
    twin = copy.deepcopy(sam)
    with pytest.raises(ValueError, match=rf"LoRA: this base already has {type(strategy).__name__} attached"):
        LoRA([3]).attach(twin, UNUSED)
    assert Strategy.attachment_of(twin) is not Strategy.attachment_of(sam)
    assert not {id(own) for own in Strategy.attachment_of(twin).modules.values()} & {id(each) for each in sam.modules()}


@pytest.mark.slow
@pytest.mark.parametrize("strategy", STRATEGIES[:-1], ids=lambda strategy: type(strategy).__name__)
def test_a_copy_learns_by_itself(strategy: Strategy) -> None:
    sam = nano()
    strategy.attach(sam, UNUSED)
    before = logits(sam)
    twin = copy.deepcopy(sam)
    assert torch.equal(logits(twin), before)
    randomise(twin)
    assert largest_difference(logits(twin), before) > 0
    assert torch.equal(logits(sam), before)
    assert trained_parameters(twin).keys() == trained_parameters(sam).keys()


@pytest.mark.parametrize("strategy", [AdaptFormer([2, 3]), FineTune("full")], ids=["injected", "fine-tuned"])
@pytest.mark.parametrize("twin_of", [copy.deepcopy, pickled], ids=["copy", "pickle"])
def test_a_copy_recomputes_by_itself(strategy: Strategy, twin_of: Callable[[Tracker], Tracker]) -> None:
    """With activations recomputed, the copy runs its own blocks and layers."""
    sam = nano()
    strategy.attach(sam, UNUSED)
    sam.recompute()
    before = logits(sam)
    twin = twin_of(sam)
    assert torch.equal(logits(twin), before)
    ran: set[torch.nn.Module] = set()
    parts = [module for module in twin.modules() if "forward" in vars(module)]
    for part in parts:
        next(part.children()).register_forward_hook(lambda *_, part=part: ran.add(part))
    logits(twin)
    assert ran == set(parts)
    assert len(parts) > 2  # blocks of the encoder, and the layers of memory attention
    randomise(twin)
    assert largest_difference(logits(twin), before) > 0
    assert torch.equal(logits(sam), before)


def test_a_copy_of_a_bare_base_is_bare() -> None:
    twin = copy.deepcopy(nano())
    AdaptFormer().attach(twin, UNUSED)
    with pytest.raises(ValueError, match="has none"):
        Strategy.attachment_of(nano())


def test_the_mark_is_no_tensor() -> None:
    sam = nano()
    keys, print_ = list(sam.state_dict()), fingerprint(sam)
    Frozen().attach(sam, UNUSED)
    assert list(sam.state_dict()) == keys
    assert fingerprint(sam) == print_


def test_a_pickled_base_has_the_strategy() -> None:
    sam = nano()
    LoRA([3]).attach(sam, UNUSED)
    twin = pickled(sam)
    with pytest.raises(ValueError, match="this base already has LoRA attached"):
        AdaptFormer().attach(twin, UNUSED)
    assert torch.equal(logits(twin), logits(sam))
