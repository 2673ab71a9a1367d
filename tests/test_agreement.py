"""Every way of running a model gives the masks of the plain one in float32, within a stated bound.

A mask of a target is the best of three by predicted IoU. Where two of them are predicted almost alike, rounding may
choose the other one, whose mask may look different: so masks are counted as the same choice (IoU with the plain one
above a half) or as flipped, and the bounds hold for the logits of the first kind.
"""

from __future__ import annotations

import copy
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, NamedTuple

import pytest
import torch

from builders import mask_prompt, pictures, randomise
from sansa_lightning.methods.propagation import Propagation
from sansa_lightning.strategies.adaptformer import AdaptFormer
from sansa_lightning.strategies.running import set_up
from sansa_lightning.trackers.compiled import Compile
from sansa_lightning.trackers.encoder_cache import EncoderCache
from sansa_lightning.trackers.zoo import Base

if TYPE_CHECKING:
    from torch import Tensor

    from sansa_lightning.trackers.base import Tracker

CLIPS, TARGETS = 6, 2


class Way(NamedTuple):
    """How a model is run, and the largest difference that it may make.

    Attributes:
        bound: of a target's logits, as a share of the largest plain one.
        flips: share of the targets whose choice may be another.
        cache: whether the encoder's results are kept.
        compiled: how it is compiled.
        chunk: frames that the encoder takes at a time.
        mixed: number format of autocast.
        clips: at a time.
    """

    bound: float
    flips: float = 0.0
    cache: bool = False
    compiled: Compile | None = None
    chunk: int | None = None
    mixed: torch.dtype | None = None
    clips: int = CLIPS


WAYS = {
    "one clip after the other": Way(1e-5, clips=1),
    "in chunks": Way(1e-5, chunk=2),
    "cached": Way(1e-5, cache=True),
    "bf16": Way(0.03, flips=1 / 12, mixed=torch.bfloat16),
    "fp16": Way(0.004, mixed=torch.float16),
    "bf16, cached, in chunks": Way(0.03, flips=1 / 12, cache=True, chunk=3, mixed=torch.bfloat16),
    "compiled": Way(1e-5, compiled=Compile(backend="eager")),
}
SLOW = ("compiled",)


@pytest.fixture(scope="module")
def adapted() -> Tracker:
    """The pretrained nano: a random one predicts the same IoU for all three masks, and any rounding would choose."""
    sam = Base("nano").build()
    AdaptFormer((2, 3)).attach(sam)
    randomise(sam)
    return sam


def logits(tracker: Tracker, way: Way) -> Tensor:
    """Of the targets, float32 [B, N, H, W]."""
    images, found = pictures(CLIPS, 1 + TARGETS), []
    mixed: AbstractContextManager[object] = torch.autocast("cpu", way.mixed) if way.mixed else nullcontext()
    with torch.inference_mode(), mixed:
        for start in range(0, CLIPS, way.clips):
            part = images[start : start + way.clips]
            rules = Propagation(encode_chunk=way.chunk)
            found.append(rules(tracker, part, [[mask_prompt()]] * len(part), propagate_targets=False).logits[:, 1:])
    return torch.cat(found)


@pytest.mark.parametrize("name", [pytest.param(n, marks=pytest.mark.slow) if n in SLOW else n for n in WAYS])
def test_masks_are_those_of_the_plain_model(adapted, name):
    way = WAYS[name]
    other = copy.deepcopy(adapted)
    set_up(other, recompute=False, cache=EncoderCache() if way.cache else None, compiled=way.compiled)
    if other.kept is not None:
        other.kept.evaluation(begins=True)
    plain = logits(adapted, Way(0)).flatten(0, 1)
    found = logits(other, way)
    assert found.dtype == torch.float32
    found = found.flatten(0, 1)
    common = ((plain > 0) & (found > 0)).flatten(1).sum(1) / ((plain > 0) | (found > 0)).flatten(1).sum(1).clamp(min=1)
    same = common > 0.5
    assert float((~same).float().mean()) <= way.flips
    off = (found - plain).abs().flatten(1).amax(1) / plain.abs().flatten(1).amax(1)
    assert float(off[same].max()) <= way.bound, off
