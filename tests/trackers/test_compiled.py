"""Compiled regions: no graph breaks, few versions, the same results, keys and watch."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

import pytest
import torch
from torch._dynamo.testing import CompileCounterWithBackend

from builders import largest_difference, mask_prompt, nano, pictures, randomise
from sansa_lightning.callbacks.watch import Watch
from sansa_lightning.methods.propagation import Propagation
from sansa_lightning.strategies.adaptformer import AdaptFormer
from sansa_lightning.strategies.running import set_up
from sansa_lightning.trackers.compiled import Compile, Compiled

if TYPE_CHECKING:
    from collections.abc import Iterator

    from torch import Tensor

    from sansa_lightning.trackers.base import Tracker

SHAPES = [(2, 3, 1), (3, 4, 2), (1, 3, 1), (2, 5, 3), (4, 6, 2), (3, 8, 5)]
"""Clips, frames and references."""


@pytest.fixture(autouse=True)
def _fresh() -> Iterator[None]:
    torch._dynamo.reset()
    torch._dynamo.utils.counters.clear()
    yield
    torch._dynamo.reset()


def compiled(settings: Compile) -> tuple[Tracker, Tracker]:
    """A nano with adapters, compiled, and the same as it is written."""
    plain = nano()
    AdaptFormer((2, 3)).attach(plain)
    randomise(plain)
    fast = copy.deepcopy(plain)
    set_up(fast, recompute=False, cache=None, compiled=settings)
    return fast, plain


def regions(tracker: Tracker) -> list[Compiled]:
    found = [vars(module).get("forward") for module in tracker.modules()]
    return [forward for forward in found if isinstance(forward, Compiled)]


def logits(tracker: Tracker, clips: int = 2, length: int = 3, shots: int = 1, trains: bool = True) -> Tensor:
    with torch.set_grad_enabled(trains):
        return Propagation()(tracker, pictures(clips, length), [[mask_prompt()] * shots] * clips, trains).logits


@pytest.mark.slow
def test_no_graph_breaks_few_versions_and_equal_logits_over_shapes():
    fast, plain = compiled(Compile(backend="eager"))
    counters = []
    for region in regions(fast):
        counters.append(CompileCounterWithBackend("eager"))
        region.fast = torch.compile(region.forward, backend=counters[-1])
    assert len(counters) == 4  # trunk, neck, memory attention, decoder
    versions = []
    for turn in range(2):
        for clips, length, shots in SHAPES:
            for trains in (True, False):
                found = logits(fast, clips, length, shots, trains)
                if not turn:
                    assert largest_difference(found, logits(plain, clips, length, shots, trains)) <= 1e-5
        versions.append([counter.frame_count for counter in counters])
    assert not torch._dynamo.utils.counters["graph_break"]
    assert all(0 < count <= 16 for count in versions[0]), versions
    # What came before a dynamic version may be compiled once more, and then nothing is.
    assert all(again - first <= 1 for first, again in zip(*versions, strict=True)), versions


@pytest.mark.slow
def test_inductor_gives_the_same_memory_attention():
    fast, plain = compiled(Compile(regions=("memory_attention",)))
    assert largest_difference(logits(fast, trains=False), logits(plain, trains=False)) <= 1e-4


def test_names_and_gradients_are_those_of_the_plain_one_and_copies_run_themselves():
    fast, plain = compiled(Compile(regions=("memory_attention",), backend="eager"))
    assert list(fast.state_dict()) == list(plain.state_dict())
    assert [name for name, _ in fast.named_modules()] == [name for name, _ in plain.named_modules()]
    other = copy.deepcopy(fast)
    assert regions(other)[0].forward.__self__ is other.memory_attention
    assert regions(other)[0].listeners is other._heard
    for tracker in (fast, plain):
        logits(tracker).square().mean().backward()
    grads = [tracker.image_encoder.trunk.blocks[3].adapter.up_proj.weight.grad for tracker in (fast, plain)]
    assert largest_difference(*grads) <= 1e-5 * float(grads[1].abs().max())


def test_the_watch_hears_what_runs_inside_a_compiled_region():
    fast, plain = compiled(Compile(backend="eager"))
    found = []
    for tracker in (fast, plain):
        watch = Watch(every=2)
        watch.begin(tracker, 0)
        logits(tracker)
        found.append(watch.check(tracker, 0))
    assert found[0].keys() == found[1].keys() == {"trunk_norm", "neck_norm", "decoder_spread"}
    assert all(torch.equal(found[0][sign], found[1][sign]) for sign in found[0])


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"regions": ("neck",)}, r"compile\.regions: expected some of encoder, .*, but got 'neck'"),
        ({"backend": "gcc"}, r"compile\.backend: expected one of .*eager.*, but got 'gcc'"),
    ],
)
def test_settings_that_cannot_be(settings, said):
    with pytest.raises(ValueError, match=said):
        Compile(**settings)


def test_what_is_recomputed_is_not_compiled():
    with pytest.raises(ValueError, match=r"model\.compile: expected null with model\.recompute"):
        set_up(nano(), recompute=True, cache=None, compiled=Compile(backend="eager"))
