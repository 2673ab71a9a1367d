"""The values that go into a tracker and come out of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple

from torch import Tensor


@dataclass(frozen=True, slots=True)
class Features:
    """Features of F frames; F is often B·T, clip by clip.

    Attributes:
        image: the map for memory attention and decoder, [F, C, h, w], stride 16 in SAM 2.
        fine: finer maps for the decoder, already projected by it, [F, C/8, 4h, 4w] and [F, C/4, 2h, 2w].
        position: sine position of ``image``, the same for every frame, [1, C, h, w].
    """

    image: Tensor
    fine: tuple[Tensor, ...]
    position: Tensor

    def select(self, frames: Tensor) -> Features:
        """The features of some frames, int64 [G]."""
        return Features(self.image[frames], tuple(level[frames] for level in self.fine), self.position)

    def with_image(self, image: Tensor) -> Features:
        """The same frames with another map as ``image``."""
        return Features(image, self.fine, self.position)


class Memory(NamedTuple):
    """The memory of one frame of each clip.

    Attributes:
        features: spatial memory, [B, M, h, w].
        position: its sine position, [B, M, h, w].
        pointer: object pointer, [B, C].
    """

    features: Tensor
    position: Tensor
    pointer: Tensor

    def repeat(self, times: int) -> Memory:
        """Every clip ``times`` times in a row."""
        return Memory(*(tensor.repeat_interleave(times, dim=0) for tensor in self))


class MemoryTokens(NamedTuple):
    """The input of memory attention.

    Attributes:
        keys: [L, B, M], spatial memories first.
        positions: added to the keys, [L, B, M].
        pointers: number of the L tokens, the last ones, that come from object pointers and have no place in the image.
    """

    keys: Tensor
    positions: Tensor
    pointers: int


@dataclass(frozen=True, slots=True)
class DecoderPrompt:
    """The object's location for the decoder, for G frames; without points and mask, the decoder has the features alone.

    Attributes:
        coords: (x, y) of P points per frame, float32 [G, P, 2], in pixels of the tracker's input.
        labels: int32 [G, P], see ``clips.prompt.POINT_LABELS``; given with ``coords``.
        mask: logits, or the result of :meth:`Tracker.mask_prompt`, float32 [G, 1, 4h, 4w].
        tokens: [G, P, C], read like further points, each added to what stands for "no point": zeros say nothing.
    """

    coords: Tensor | None = None
    labels: Tensor | None = None
    mask: Tensor | None = None
    tokens: Tensor | None = None


NO_PROMPT = DecoderPrompt()


@dataclass(frozen=True, slots=True)
class DecodeRule:
    """The choice among the decoder's masks.

    Attributes:
        masks: "single" takes the mask of the decoder's single-mask token, "best" the one of three with the highest
            predicted IoU.
        stability: a single mask falls back to the best of three if the IoU of its areas above ``delta`` and above
            ``-delta`` is less than this (0.98 in SAM 2), unless the decoder trains; None never falls back.
        delta: in logits, for ``stability``.
        gate: whether logits become -1024 if the object score is not above 0, as in SAM 2's tracking.
    """

    masks: Literal["single", "best"] = "single"
    stability: float | None = None
    delta: float = 0.05
    gate: bool = False


class Decoded(NamedTuple):
    """The decoder's output for G frames.

    Attributes:
        mask: logits, float32 [G, 1, 4h, 4w].
        pointer: object pointer, [G, C].
        iou: predicted IoU of the mask, [G], in [0, 1].
        object_score: logit of the object's presence, [G]; None from a tracker built without it.
    """

    mask: Tensor
    pointer: Tensor
    iou: Tensor
    object_score: Tensor | None
