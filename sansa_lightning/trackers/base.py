"""The contract of a tracker: a promptable video segmenter, as methods and strategies see it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import OrderedDict
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, Literal

from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from sansa_lightning.trackers.blocks import EncoderBlock as EncoderBlock
from sansa_lightning.trackers.compiled import Compile
from sansa_lightning.trackers.encoder_cache import EncoderCache, KeptEncoder
from sansa_lightning.trackers.values import NO_PROMPT as NO_PROMPT
from sansa_lightning.trackers.values import Decoded as Decoded
from sansa_lightning.trackers.values import DecoderPrompt as DecoderPrompt
from sansa_lightning.trackers.values import DecodeRule as DecodeRule
from sansa_lightning.trackers.values import Features as Features
from sansa_lightning.trackers.values import Memory as Memory
from sansa_lightning.trackers.values import MemoryTokens as MemoryTokens

AttentionBias = Callable[[Tensor, Tensor], Tensor]
"""From the queries [B, heads, h·w, C] and keys [B, heads, L, C] of a cross-attention, projected and with their rotary
position, to a float tensor that broadcasts to [B, heads, h·w, L] and is added to the scores before the softmax."""

PARTS = ("trunk", "neck", "qkv", "memory_attention", "memory_encoder", "prompt_encoder", "mask_decoder")
"""Parts of a tracker. Every parameter belongs to exactly one, apart from "qkv", which lies in the trunk."""


Place = Literal["stage 0", "stage 1", "stage 2", "stage 3", "neck", "decoder"]
"""Places where features can be tapped: the end of an encoder stage or of the neck, [F, C, h, w]; or the image features
at the end of the decoder's transformer, [G, h·w, C]."""


class Tracker(nn.Module, ABC):
    """A promptable video segmenter; its state dict has the keys of its published weights.

    It holds no rule of a method: each call says which frames are remembered and read, and which mask is taken.

    Attributes:
        image_size: side S of the square that frames are resized to, in pixels.
        built_from: the :class:`~sansa_lightning.trackers.zoo.Base` that says its name and weights; None if none does.
        evaluated_at: side of the square that pictures become first where a benchmark has it so; None if they go to S.
        kept: the cache of the image encoder, after :meth:`cache_encoder`.
        left_out: what of a strategy is switched off now, in words of its own; "" for nothing.
    """

    image_size: int
    built_from: Any = None
    evaluated_at: int | None = None
    kept: KeptEncoder | None = None
    left_out: str = ""

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
            chunk: number of frames that the encoder takes at a time; if None, as many as suit the device.
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

    def compile_regions(self, settings: Compile) -> None:
        """Compile parts in place, see :class:`Compile`; keys of the state dict stay what they are.

        Raises:
            ValueError: this tracker cannot.
        """
        msg = f"model.compile: expected null for {type(self).__name__}, which cannot be compiled, but got settings"
        raise ValueError(msg)

    def cache_encoder(self, settings: EncoderCache, changed: Collection[str]) -> None:
        """Keep what the image encoder computes of images that come again, see :class:`EncoderCache`.

        Call it after a strategy was attached. Results differ by rounding, since other frames share a batch.

        Args:
            settings: how much, and where.
            changed: names of parameters that train and of modules that a strategy added or wrapped.

        Raises:
            ValueError: this tracker cannot.
        """
        msg = f"model.encoder_cache: expected null for {type(self).__name__}, which cannot keep results, but got one"
        raise ValueError(msg)
