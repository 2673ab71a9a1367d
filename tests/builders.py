"""Small parts that many tests build: a nano, clips, prompts of each kind."""

from __future__ import annotations

import copy
from functools import cache
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from sansa_lightning import Episode, Prompt
from sansa_lightning.clips.negatives import BatchWithNegatives, Negative
from sansa_lightning.methods.base import Method
from sansa_lightning.methods.memory import KShotMemory, MemoryRule
from sansa_lightning.methods.propagation import Propagation
from sansa_lightning.methods.sansa import Sansa
from sansa_lightning.methods.unused import unused_in_propagation
from sansa_lightning.model import FewShotModel
from sansa_lightning.strategies.base import Strategy
from sansa_lightning.strategies.frozen import Frozen
from sansa_lightning.trackers.nano import build_nano

if TYPE_CHECKING:
    from sansa_lightning.trackers.base import Tracker


UNUSED = unused_in_propagation
"""What a method says that propagates as SANSA does, for strategies that unfreeze parts of the base."""


def nano(seed: int = 0) -> Tracker:
    """A nano in eval mode, random, but with logits and memories large enough for 1e-5 to mean something."""
    return copy.deepcopy(_template(seed))


@cache
def _template(seed: int) -> Tracker:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        sam = build_nano().eval()
        nn.init.normal_(sam.maskmem_tpos_enc)
    loud = (sam.sam_mask_decoder, sam.sam_prompt_encoder, sam.memory_attention, sam.memory_encoder, sam.obj_ptr_proj)
    for parameter in (parameter for part in loud for parameter in part.parameters()):
        if parameter.ndim > 1:
            parameter.data *= 2
    return sam


def nano_2_1(seed: int = 0) -> Tracker:
    """A nano that encodes the distances of object pointers, as SAM 2.1 does."""
    sam = nano(seed)
    sam.add_tpos_enc_to_obj_ptrs = True
    sam.proj_tpos_enc_in_obj_ptrs = True
    sam.use_signed_tpos_enc_to_obj_ptrs = True
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed + 1)
        sam.obj_ptr_tpos_proj = nn.Linear(sam.hidden_dim, sam.mem_dim)
    return sam


def propagation(kshot_memory: KShotMemory = "released", **options: Any) -> Propagation:
    """SANSA's own."""
    return Propagation(MemoryRule(kshot_memory), **options)


def model(tracker: Tracker, strategy: Strategy | None = None, method: Method | None = None) -> FewShotModel:
    """A tracker with nothing on it, as SANSA uses it, if nothing else is said."""
    return FewShotModel(tracker, strategy or Frozen(), method or Sansa(), "nano").eval()


def randomise(module: nn.Module, seed: int = 0) -> None:
    """Give everything that trains random values, so that no zero hides a mistake."""
    generator = torch.Generator().manual_seed(seed)
    for parameter in module.parameters():
        if parameter.requires_grad:
            parameter.data.normal_(std=0.2, generator=generator)


def frames(clips: int, length: int, size: tuple[int, int] = (96, 96), seed: int = 0) -> Tensor:
    """Images [clips, length, 3, H, W]: blobs on a gradient, another picture for each frame."""
    generator = torch.Generator().manual_seed(seed)
    coarse = torch.randn(clips * length, 3, 6, 6, generator=generator)
    images = nn.functional.interpolate(coarse, size, mode="bilinear")
    return images.unflatten(0, (clips, length))


def pictures(clips: int, length: int, size: tuple[int, int] = (96, 96), seed: int = 0) -> Tensor:
    """The same as they travel, uint8."""
    return frames(clips, length, size, seed).mul(60).add(120).clamp(0, 255).byte()


def mask_prompt(size: tuple[int, int] = (96, 96), corner: int = 20) -> Prompt:
    """A rectangle."""
    mask = torch.zeros(size)
    mask[corner : corner + 25, corner + 5 : corner + 40] = 1
    return Prompt.mask(mask)


def prompts_of_each_kind(size: tuple[int, int] = (96, 96)) -> list[Prompt]:
    """Mask, one point, three points with one negative, box."""
    return [
        mask_prompt(size),
        Prompt.points([[30.0, 40.5]]),
        Prompt.points([[30, 40], [50, 20], [5, 60]], [1, 1, 0]),
        Prompt.box([10, 12.5, 60, 70]),
    ]


def negative(seed: int, prompt: Prompt) -> Negative:
    """A negative reference of another class."""
    return Negative(Episode("coco", 9, (f"n{seed}",), ("t",)), frames(1, 1, (96, 96), seed)[0, 0], prompt)


def negative_batch(negatives: list[tuple[Negative, ...]], targets: int = 2, shots: int = 1) -> BatchWithNegatives:
    """A clip for each entry, with prompts of every kind."""
    clips = len(negatives)
    return BatchWithNegatives(
        episodes=tuple(Episode("coco", b, tuple(range(shots)), tuple(range(targets))) for b in range(clips)),
        images=frames(clips, shots + targets),
        masks=torch.zeros(clips, shots + targets, 96, 96, dtype=torch.uint8),
        prompts=tuple((prompts_of_each_kind() * 2)[b : b + shots] for b in range(clips)),
        negatives=tuple(negatives),
    )


def largest_difference(first: Tensor, second: Tensor) -> float:
    """Of two tensors of equal shape, element by element."""
    assert first.shape == second.shape
    return float((first - second).detach().abs().max())
