"""Prompt-and-propagate, batched over clips (SANSA, section 3; docs/sansa.md 1.2)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor

from sansa_lightning.clips.prompt import Prompt
from sansa_lightning.methods.base import Masks
from sansa_lightning.methods.memory import RELEASED, MemoryBank, MemoryRule
from sansa_lightning.methods.prompting import BEST, decode_references
from sansa_lightning.trackers.base import NO_PROMPT, Decoded, DecodeRule, Features, Memory, Tracker

_IMAGES = (torch.uint8, torch.float32)


class Reading(NamedTuple):
    """A batch of clips with its references read, and no target segmented yet.

    Attributes:
        features: of all B·T frames, clip by clip.
        targets: int64 [B, N], indices of the frames that are targets.
        answers: the decoder's answers to the prompts of the references, float32 [B, K, 4h, 4w].
        bank: memories of the references.
    """

    features: Features
    targets: Tensor
    answers: Tensor
    bank: MemoryBank


@dataclass(frozen=True)
class Propagation:
    """Treats the references and targets of a clip as one pseudo-video.

    Attributes:
        memory: the rule for writing and reading memories.
        mask_threshold: a mask prompt, resized bilinearly, is foreground above it: 0 as released, 0.5 for tight masks.
        encode_chunk: number of frames that the image encoder takes at a time; as many as suit the device if None.
        decode: the choice among the decoder's masks of a target.
    """

    memory: MemoryRule = RELEASED
    mask_threshold: float = 0.0
    encode_chunk: int | None = None
    decode: DecodeRule = BEST

    def __post_init__(self) -> None:
        """Check the numbers.

        Raises:
            ValueError: one is out of its range.
        """
        if not 0 <= self.mask_threshold < 1:
            msg = f"mask_threshold: expected a number in [0, 1), but got {self.mask_threshold}"
            raise ValueError(msg)
        if self.encode_chunk is not None and self.encode_chunk < 1:
            msg = f"encode_chunk: expected at least 1 frame, or null to suit the device, but got {self.encode_chunk}"
            raise ValueError(msg)

    def __call__(
        self, tracker: Tracker, images: Tensor, prompts: Sequence[Sequence[Prompt]], propagate_targets: bool = True
    ) -> Masks:
        """Logits of every frame of every clip; differentiable.

        Args:
            tracker: the base, with or without a strategy.
            images: uint8 [B, T, 3, H, W], RGB, or float32, ImageNet-normalised; K references first.
            prompts: B times K prompts, in pixels of the clip.
            propagate_targets: True: the prediction for a target becomes memory for later ones (the training objective);
                False: each target is segmented from the references alone, as if it were the only one (evaluation).

        Raises:
            ValueError: shapes of images and prompts do not fit together.
        """
        reading = self.read(tracker, images, prompts)
        follow = self._follow_targets if propagate_targets else self._judge_targets
        low = torch.cat([reading.answers, follow(tracker, reading)], dim=1)
        return Masks.of(low, (images.shape[-2], images.shape[-1]))

    def read(self, tracker: Tracker, images: Tensor, prompts: Sequence[Sequence[Prompt]]) -> Reading:
        """Encode all frames and remember the references; arguments as for a call.

        Raises:
            ValueError: shapes of images and prompts do not fit together.
        """
        shots = check_clips(images, prompts)
        clips, frames, _, height, width = images.shape
        features = tracker.encode(images.flatten(0, 1), self.encode_chunk)
        grid = torch.arange(clips * frames, device=images.device).reshape(clips, frames)
        answers, bank = self.read_references(tracker, features, grid[:, :shots], prompts, (height, width))
        return Reading(features, grid[:, shots:], answers, bank)

    def read_references(
        self,
        tracker: Tracker,
        features: Features,
        grid: Tensor,
        prompts: Sequence[Sequence[Prompt]],
        size: tuple[int, int],
    ) -> tuple[Tensor, MemoryBank]:
        """Read all references of all clips at once: none of them depends on another.

        Args:
            tracker: the base.
            features: of all frames.
            grid: int64 [B, K], indices of the frames that are references.
            prompts: B times K prompts, in pixels of the clip.
            size: (H, W) of the clip.

        Returns:
            The decoder's answers to the prompts, float32 [B, K, 4h, 4w], and the references' memories.
        """
        clips, shots = grid.shape
        flat = [prompt for clip in prompts for prompt in clip]
        masks, memory = self.write_references(tracker, features.select(grid.flatten()), flat, size)
        by_clip = [tensor.unflatten(0, (clips, shots)) for tensor in memory]
        frames = [Memory(*(tensor[:, k] for tensor in by_clip)) for k in range(shots)]
        answers = masks.reshape(clips, shots, *masks.shape[-2:])
        return answers, MemoryBank(shots, self.memory, frames)

    def write_references(
        self, tracker: Tracker, features: Features, prompts: Sequence[Prompt], size: tuple[int, int]
    ) -> tuple[Tensor, Memory]:
        """Answers to the prompts of G references, logits, float32 [G, 1, 4h, 4w], and the memories written for them.

        Args:
            tracker: the base.
            features: of the G references.
            prompts: G prompts, in pixels of the clip.
            size: (H, W) of the clip.
        """
        found = decode_references(tracker, features, prompts, size, self.mask_threshold)
        memory = tracker.remember(features, self.memory.written(found.remembered), found.pointers)
        return found.masks, memory

    def condition_targets(self, tracker: Tracker, features: Features, grid: Tensor, bank: MemoryBank) -> Features:
        """All targets at once after memory attention, each treated as the frame right after the references.

        Args:
            tracker: the base.
            features: of all frames.
            grid: int64 [B, N], indices of the frames that are targets.
            bank: memories of the references alone.

        Returns:
            Features of the B·N targets, clip by clip, for the decoder.
        """
        alone = bank.repeat(grid.shape[1])
        return alone.condition(tracker, features.select(grid.flatten()), bank.shots + 1)

    def decode_targets(self, tracker: Tracker, conditioned: Features) -> Decoded:
        """Masks of targets from features conditioned on memory."""
        return tracker.decode(conditioned, NO_PROMPT, self.decode)

    def segment_targets(self, tracker: Tracker, features: Features, grid: Tensor, bank: MemoryBank) -> Decoded:
        """Masks of all targets, each from the references alone; arguments as for :meth:`condition_targets`."""
        return self.decode_targets(tracker, self.condition_targets(tracker, features, grid, bank))

    def _follow_targets(self, tracker: Tracker, reading: Reading) -> Tensor:
        """One step per target for the whole batch; the prediction becomes memory."""
        features, grid, _, bank = reading
        length = bank.shots + grid.shape[1]
        masks = []
        for column in grid.unbind(dim=1):
            part = features.select(column)
            decoded = self.decode_targets(tracker, bank.condition(tracker, part, length))
            masks.append(decoded.mask)
            if len(masks) < grid.shape[1]:  # the last one would not be read
                logits = tracker.full_resolution(decoded.mask)
                bank.frames.append(tracker.remember(part, self.memory.written(logits), decoded.pointer))
        return torch.cat(masks, dim=1)

    def _judge_targets(self, tracker: Tracker, reading: Reading) -> Tensor:
        """All targets at once, each treated as the frame right after the references."""
        decoded = self.segment_targets(tracker, reading.features, reading.targets, reading.bank)
        return decoded.mask[:, 0].unflatten(0, reading.targets.shape)


def check_clips(images: Tensor, prompts: Sequence[Sequence[Prompt]]) -> int:
    """K, after checking that images and prompts fit together.

    Raises:
        ValueError: images are not uint8 or float32 [B, T, 3, H, W]; there are not B times K prompts with 1 <= K < T; or
            a mask prompt has another size.
    """
    tensor = isinstance(images, Tensor)
    if not tensor or images.ndim != 5 or images.shape[2] != 3 or images.dtype not in _IMAGES:
        got = f"{images.dtype} {list(images.shape)}" if tensor else type(images).__name__
        msg = f"images: expected a tensor [B, T, 3, H, W], uint8 or normalised float32, but got {got}"
        raise ValueError(msg)
    _check_nested(prompts)
    clips, frames = images.shape[:2]
    counts = {len(clip) for clip in prompts}
    if len(prompts) != clips or len(counts) != 1 or not 1 <= min(counts) < frames:
        msg = (
            f"prompts: expected {clips} lists of K prompts, the same K for each, 1 <= K < {frames} frames, "
            f"but got lists of {[len(clip) for clip in prompts]}"
        )
        raise ValueError(msg)
    for prompt in (prompt for clip in prompts for prompt in clip):
        if prompt.dense is not None and prompt.dense.shape != images.shape[-2:]:
            msg = f"prompts: expected masks of {list(images.shape[-2:])}, but got {list(prompt.dense.shape)}"
            raise ValueError(msg)
    return counts.pop()


def _check_nested(prompts: Any) -> None:
    nested = isinstance(prompts, Sequence) and all(isinstance(clip, Sequence) for clip in prompts)
    odd = [one for clip in prompts for one in clip if not isinstance(one, Prompt)] if nested else [prompts]
    if odd:
        got = f"a {type(odd[0]).__name__} among them" if nested else _outline(prompts)
        msg = f"prompts: expected a list of K prompts for each clip, [[Prompt, ...], ...], but got {got}"
        raise ValueError(msg)


def _outline(prompts: Any) -> str:
    return f"[{type(prompts[0]).__name__}, ...]" if isinstance(prompts, Sequence) else type(prompts).__name__
