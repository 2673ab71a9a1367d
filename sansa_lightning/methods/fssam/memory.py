"""What FSSAM remembers of references and writes for targets (docs/fssam.md 3)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from sansa_lightning.clips.prompt import Prompt
from sansa_lightning.methods.fssam.calibration import Calibration, Layout
from sansa_lightning.methods.fssam.priors import Prototypes
from sansa_lightning.methods.memory import RELEASED
from sansa_lightning.methods.prompting import MASK_BIAS, MASK_SCALE, SINGLE
from sansa_lightning.trackers.base import DecoderPrompt, Features, Memory, MemoryTokens, Tracker

NAMES = ("features", "position", "pointers", "masks", "foreground", "background")
"""Of the tensors of :class:`References`."""


class References(NamedTuple):
    """What is kept of the K references of each of B clips.

    Attributes:
        features: spatial memories, [B, K, M, h, w].
        position: their sine position, the same for each, [B, M, h, w].
        pointers: object pointers, [B, K, C].
        masks: float32 [B, K, S, S] in {0, 1}.
        seen: what the references look like to the encoder.
    """

    features: Tensor
    position: Tensor
    pointers: Tensor
    masks: Tensor
    seen: Prototypes

    @property
    def shots(self) -> int:
        """K."""
        return self.masks.shape[1]

    def repeat(self, times: int) -> References:
        """Every clip ``times`` times in a row."""
        own = (tensor.repeat_interleave(times, dim=0) for tensor in self._tensors())
        return self._of(list(own))

    @classmethod
    def stacked(cls, several: Sequence[References]) -> References:
        """Clips of equally many references one after the other."""
        return cls._of([torch.cat(tensors) for tensors in zip(*(each._tensors() for each in several), strict=True)])

    def alone(self) -> list[References]:
        """Each clip by itself."""
        return [self._of(tensors) for tensors in zip(*(tensor.split(1) for tensor in self._tensors()), strict=True)]

    def pack(self) -> dict[str, Tensor]:
        """As tensors by name."""
        return dict(zip(NAMES, self._tensors(), strict=True))

    @classmethod
    def unpack(cls, tensors: Mapping[str, Tensor]) -> References:
        """From what :meth:`pack` gave."""
        return cls._of([tensors[name] for name in NAMES])

    def _tensors(self) -> list[Tensor]:
        return [self.features, self.position, self.pointers, self.masks, *self.seen]

    @classmethod
    def _of(cls, tensors: Sequence[Tensor]) -> References:
        features, position, pointers, masks, foreground, background = tensors
        return cls(features, position, pointers, masks, Prototypes(foreground, background))

    def memories(self) -> list[Memory]:
        """K memories."""
        return [Memory(self.features[:, k], self.position, self.pointers[:, k]) for k in range(self.shots)]


class Written(NamedTuple):
    """A frame's memory of a mask, and the decoder's own answer to that mask.

    Attributes:
        memory: with the object pointer.
        answer: logits, float32 [G, 1, 4h, 4w].
    """

    memory: Memory
    answer: Tensor


def reference_masks(tracker: Tracker, prompts: Sequence[Prompt]) -> Tensor:
    """Mask prompts at the tracker's size, float32 [G, 1, S, S] in {0, 1}, nearest as labels are resized.

    Raises:
        ValueError: one of them is no mask.
    """
    if odd := [prompt.kind for prompt in prompts if prompt.dense is None]:
        msg = f"Fssam: expected a mask for each reference, from which its prototypes are made, but got a {odd[0]}"
        raise ValueError(msg)
    dense = torch.stack([prompt.dense for prompt in prompts if prompt.dense is not None])[:, None]
    return F.interpolate(dense.float(), (tracker.image_size, tracker.image_size), mode="nearest")


def write(tracker: Tracker, features: Features, masks: Tensor) -> Written:
    """SAM 2's memory of frames whose mask is given, hard or soft, and their pointers.

    The pointer is that of the decoder's answer to the mask. Where its object score is not above 0, or the mask has no
    value above 0, it is the tracker's vector for an absent object.

    Args:
        tracker: the base.
        features: of G frames, not conditioned on memory.
        masks: float32 [G, 1, S, S] in [0, 1].
    """
    decoded = tracker.decode(features, DecoderPrompt(mask=tracker.mask_prompt(masks)), SINGLE)
    shown = masks.flatten(1).amax(1) > 0
    if decoded.object_score is not None:
        shown = shown & (decoded.object_score > 0)
    return Written(remember(tracker, features, masks, tracker.gated(decoded.pointer, shown)), decoded.mask)


def remember(tracker: Tracker, features: Features, masks: Tensor, pointers: Tensor) -> Memory:
    """The memory of a mask at full size: ``20 σ(20 m - 10) - 10`` goes into the memory encoder.

    Args:
        tracker: the base.
        features: of G frames, not conditioned on memory.
        masks: float32 [G, 1, S, S] in [0, 1]; a soft mask passes a steep step at 0.5.
        pointers: [G, C].
    """
    return tracker.remember(features, RELEASED.written(masks * MASK_SCALE + MASK_BIAS), pointers)


def read_tokens(tracker: Tracker, references: References, pseudo: Memory, layout: Layout) -> MemoryTokens:
    """What targets read: blocks of spatial memories in the order of the layout, then pointers, the target's last.

    Every block has the row of the temporal embedding that is for conditioning frames.

    Args:
        tracker: the base.
        references: of each target.
        pseudo: the target's own memory, refined.
        layout: of the blocks.
    """
    own, row = references.memories(), tracker.memory_rows - 1
    blocks = [*own, pseudo]
    if layout.mean:
        blocks = [own[0]._replace(features=references.features.mean(1)), pseudo, *own]
    return tracker.tokens([(block, row) for block in blocks], [(memory, 1) for memory in (*own, pseudo)], limit=2)


def calibration(references: References, layout: Layout, factor: float) -> Calibration:
    """The bias for what :func:`read_tokens` gives, of a memory's size [h, w]."""
    size = tuple(references.features.shape[-2:])
    small = F.interpolate(references.masks, size, mode="nearest")
    return Calibration(small.flatten(-2), layout, factor)
