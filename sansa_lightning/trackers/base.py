"""The contract of a tracker: a promptable video segmenter, as methods and strategies see it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from sansa_lightning.trackers.blocks import EncoderBlock as EncoderBlock

AttentionBias = Callable[[Tensor, Tensor], Tensor]
"""From the queries [B, heads, h·w, C] and keys [B, heads, L, C] of a cross-attention, projected and with their rotary
position, to a float tensor that broadcasts to [B, heads, h·w, L] and is added to the scores before the softmax."""

PARTS = ("trunk", "neck", "qkv", "memory_attention", "memory_encoder", "prompt_encoder", "mask_decoder")
"""Parts of a tracker. Every parameter belongs to exactly one, apart from "qkv", which lies in the trunk."""


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

Place = Literal["stage 0", "stage 1", "stage 2", "stage 3", "neck", "decoder"]
"""Places where features can be tapped: the end of an encoder stage or of the neck, [F, C, h, w]; or the image features
at the end of the decoder's transformer, [G, h·w, C]."""


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


class Tracker(nn.Module, ABC):
    """A promptable video segmenter; its state dict has the keys of its published weights.

    It holds no rule of a method: each call says which frames are remembered and read, and which mask is taken.

    Attributes:
        image_size: side S of the square that frames are resized to, in pixels.
        built_from: the :class:`~sansa_lightning.trackers.zoo.Base` that says its name and weights; None if none does.
        evaluated_at: side of the square that pictures become first where a benchmark has it so; None if they go to S.
    """

    image_size: int
    built_from: Any = None
    evaluated_at: int | None = None

    @property
    def clip_size(self) -> int:
        """Side of the square that pictures become if nothing else is asked for, in pixels."""
        return self.image_size if self.evaluated_at is None else min(self.evaluated_at, self.image_size)

    @property
    @abstractmethod
    def memory_rows(self) -> int:
        """Rows of the temporal embedding; the last one is for conditioning frames."""

    @property
    @abstractmethod
    def most_pointers(self) -> int:
        """Largest number of object pointers that a frame reads."""

    @property
    def token_width(self) -> int | None:
        """C of ``DecoderPrompt.tokens``; None, as by default, if the decoder does not read them."""
        return None

    @abstractmethod
    def encode(self, images: Tensor, chunk: int | None = None) -> Features:
        """Features of frames of any size; no graph is kept below the first trained block.

        Args:
            images: uint8 [F, 3, H, W], RGB, or float32, ImageNet-normalised.
            chunk: number of frames that the encoder takes at a time; all if None.
        """

    def stages(self, images: Tensor) -> list[Tensor]:
        """The map at the end of each stage of the image encoder, [F, C, h, w], from fine to coarse; for probes.

        Args:
            images: uint8 [F, 3, S, S], RGB, or float32, ImageNet-normalised.

        Raises:
            ValueError: this tracker does not give them.
        """
        msg = f"{type(self).__name__}: expected a tracker that gives the maps of its stages, but it has no stages()"
        raise ValueError(msg)

    def own_layout(self, state: Mapping[str, Any]) -> Mapping[str, Any]:
        """The tensors of a weights file under the names that they have here; as they are by default.

        Args:
            state: the content of the file. What is not known keeps a name that is not known here either.
        """
        return state

    def without_memory(self, features: Features) -> Features:
        """What the decoder is to see of a frame that has no memory to read; the features as they are by default."""
        return features

    def gated(self, pointers: Tensor, shown: Tensor) -> Tensor:
        """Pointers [G, C], those of absent objects replaced: where ``shown``, bool [G], is false; none by default."""
        return pointers

    @abstractmethod
    def mask_prompt(self, mask: Tensor) -> Tensor:
        """A mask as ``DecoderPrompt.mask``, float32 [G, 1, 4h, 4w].

        Args:
            mask: float32 [G, 1, S, S] in [0, 1], soft or hard.
        """

    @abstractmethod
    def low_resolution(self, maps: Tensor) -> Tensor:
        """Maps [G, 1, M, M] of any size at that of the decoder's masks, float32 [G, 1, 4h, 4w]."""

    @abstractmethod
    def full_resolution(self, masks: Tensor) -> Tensor:
        """The decoder's masks [G, 1, 4h, 4w] at the size that memory is made of, [G, 1, M, M]; M is S in SAM 2."""

    @abstractmethod
    def remember(self, features: Features, mask: Tensor, pointer: Tensor) -> Memory:
        """The memory of one frame of each clip.

        Args:
            features: of the frames, never conditioned on memory.
            mask: input of the memory encoder, float32 [B, 1, M, M]; a method's rule makes it from logits.
            pointer: [B, C].
        """

    @abstractmethod
    def tokens(
        self, memories: Sequence[tuple[Memory, int | None]], pointers: Sequence[tuple[Memory, int]], limit: int
    ) -> MemoryTokens:
        """The tokens that memory attention reads.

        Args:
            memories: whose spatial memories are read, each with its row of the temporal embedding, or None for none.
            pointers: whose object pointers are read, each with its distance in frames.
            limit: most pointers of the clip; it scales the distances in trackers that encode them.
        """

    @abstractmethod
    def attend(self, features: Features, tokens: MemoryTokens, bias: AttentionBias | None = None) -> Features:
        """Features of the next frame of each clip, after memory attention.

        Args:
            features: of that frame, from :meth:`encode`.
            tokens: see :meth:`tokens`.
            bias: added to the scores of each cross-attention; None adds nothing.
        """

    @abstractmethod
    def decode(self, features: Features, prompt: DecoderPrompt, rule: DecodeRule) -> Decoded:
        """Masks of G frames.

        Args:
            features: of the frames, conditioned on memory or not.
            prompt: of the same frames.
            rule: the choice of the mask.

        Raises:
            ValueError: the rule gates by object scores, but this tracker has none.
        """

    @abstractmethod
    def blocks(self) -> Sequence[EncoderBlock]:
        """The blocks of the image encoder, in order."""

    @abstractmethod
    def parts(self) -> Mapping[str, tuple[str, ...]]:
        """Each of ``PARTS`` with the names of its modules, and of its parameters outside any module of its own."""

    def tap(self, place: Place, hear: Callable[[Tensor], None]) -> RemovableHandle:
        """Call ``hear`` with the features of a place in every forward pass, until the handle is removed; here never."""
        return RemovableHandle(OrderedDict())

    def in_part(self, part: str) -> list[str]:
        """Names of the parameters of a part, including a strategy's additions."""
        owners = tuple(f"{owner}." for owner in self.parts()[part])
        return [name for name, _ in self.named_parameters() if f"{name}.".startswith(owners)]

    def recompute(self) -> None:
        """Recompute activations in the backward pass, from the first trained block on: less memory, more time.

        Call it after a strategy was attached. Parameters, their names and all results stay what they were.

        Raises:
            ValueError: this tracker cannot.
        """
        msg = f"model.recompute: expected false for {type(self).__name__}, which cannot recompute, but got true"
        raise ValueError(msg)
