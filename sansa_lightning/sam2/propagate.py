"""Prompt-and-propagate, batched over clips: the one place where the recipe stands (spec 1.2; paper section 3)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from sansa_lightning.clip import Prompt
from sansa_lightning.sam2.decoder import Decoded, decode_references, decode_targets, full_size
from sansa_lightning.sam2.encoder import Features, encode
from sansa_lightning.sam2.memory import KShotMemory, Memory, MemoryBank, remember

if TYPE_CHECKING:
    from sam2.modeling.sam2_base import SAM2Base


_IMAGES = (torch.uint8, torch.float32)


class Masks(NamedTuple):
    """Mask logits of a batch of clips; a pixel is foreground where they are above 0.

    Attributes:
        low: as the decoder gives them, float32 [B, T, 4h, 4w].
        logits: resized to the clip's own size, float32 [B, T, H, W].
    """

    low: Tensor
    logits: Tensor

    @classmethod
    def of(cls, low: Tensor, size: tuple[int, int]) -> Masks:
        """From what the decoder gives, for clips of a size (H, W)."""
        return cls(low, F.interpolate(low, size, mode="bilinear", align_corners=False))


class Reading(NamedTuple):
    """A batch of clips of which the references have been read, but no target segmented.

    Attributes:
        features: of all B·T frames, clip by clip.
        targets: int64 [B, N], which of the frames are targets.
        answers: the decoder's answers to the prompts of the references, float32 [B, K, 4h, 4w].
        bank: memories of the references.
    """

    features: Features
    targets: Tensor
    answers: Tensor
    bank: MemoryBank


@dataclass(frozen=True)
class Propagation:
    """How references and targets of a clip become one pseudo-video.

    Attributes:
        kshot_memory: "released" (order of the references matters) or "invariant"; see spec 1.2, step 8.
        mask_threshold: a mask prompt, resized bilinearly, is foreground above it: 0 as released, 0.5 for tight masks.
        encode_chunk: frames that go through the image encoder at a time; all of the batch if None.
    """

    kshot_memory: KShotMemory = "released"
    mask_threshold: float = 0.0
    encode_chunk: int | None = None

    def __post_init__(self) -> None:
        """Refuse values outside their range.

        Raises:
            ValueError: an option is out of range.
        """
        if self.kshot_memory not in ("released", "invariant"):
            msg = f"Propagation.kshot_memory: expected 'released' or 'invariant', but got {self.kshot_memory!r}"
            raise ValueError(msg)
        if not 0 <= self.mask_threshold < 1:
            msg = f"Propagation.mask_threshold: expected a number in [0, 1), but got {self.mask_threshold}"
            raise ValueError(msg)
        if self.encode_chunk is not None and self.encode_chunk < 1:
            msg = f"Propagation.encode_chunk: expected at least 1 frame, or null for all, but got {self.encode_chunk}"
            raise ValueError(msg)

    def __call__(
        self, sam: SAM2Base, images: Tensor, prompts: Sequence[Sequence[Prompt]], propagate_targets: bool = True
    ) -> Masks:
        """Logits of every frame of every clip; differentiable.

        Args:
            sam: the base, with or without a strategy.
            images: uint8 [B, T, 3, H, W], RGB, or float32, ImageNet-normalised; K references first.
            prompts: B times K prompts, in pixels of the clip.
            propagate_targets: True: each target's prediction becomes memory for later ones (the training objective);
                False: each target is segmented from the references alone, as if it were the only one (evaluation).

        Raises:
            ValueError: shapes of images and prompts do not fit together.
        """
        reading = self.read(sam, images, prompts)
        follow = self._follow_targets if propagate_targets else self._judge_targets
        low = torch.cat([reading.answers, follow(sam, reading)], dim=1)
        return Masks.of(low, (images.shape[-2], images.shape[-1]))

    def read(self, sam: SAM2Base, images: Tensor, prompts: Sequence[Sequence[Prompt]]) -> Reading:
        """Encode all frames and remember the references; arguments as for a call.

        Raises:
            ValueError: shapes of images and prompts do not fit together.
        """
        shots = check_clips(images, prompts)
        clips, frames, _, height, width = images.shape
        features = encode(sam, images.flatten(0, 1), self.encode_chunk)
        grid = torch.arange(clips * frames, device=images.device).reshape(clips, frames)
        answers, bank = self.read_references(sam, features, grid[:, :shots], prompts, (height, width))
        return Reading(features, grid[:, shots:], answers, bank)

    def read_references(
        self,
        sam: SAM2Base,
        features: Features,
        grid: Tensor,
        prompts: Sequence[Sequence[Prompt]],
        size: tuple[int, int],
    ) -> tuple[Tensor, MemoryBank]:
        """All references of all clips at once: none of them looks at another one.

        Args:
            sam: the base.
            features: of all frames.
            grid: int64 [B, K], which of the frames are references.
            prompts: B times K prompts, in pixels of the clip.
            size: (H, W) of the clip.

        Returns:
            The decoder's answers to the prompts, float32 [B, K, 4h, 4w], and the references' memories.
        """
        clips, shots = grid.shape
        part = features.select(grid.flatten())
        flat = [prompt for clip in prompts for prompt in clip]
        decoded, remembered = decode_references(sam, part, flat, size, self.mask_threshold)
        memory = remember(sam, part.image, remembered, decoded.pointer)
        by_clip = [tensor.unflatten(0, (clips, shots)) for tensor in memory]
        frames = [Memory(*(tensor[:, k] for tensor in by_clip)) for k in range(shots)]
        answers = decoded.mask.reshape(clips, shots, *decoded.mask.shape[-2:])
        return answers, MemoryBank(shots, self.kshot_memory, frames)

    def _follow_targets(self, sam: SAM2Base, reading: Reading) -> Tensor:
        """One step a target for the whole batch; the prediction becomes memory."""
        features, grid, _, bank = reading
        length = bank.shots + grid.shape[1]
        masks = []
        for column in grid.unbind(dim=1):
            part = features.select(column)
            decoded = _segment(sam, part, bank, length)
            masks.append(decoded.mask)
            if len(masks) < grid.shape[1]:  # nobody would read the last one
                mask = full_size(sam, decoded.mask)
                bank.frames.append(remember(sam, part.image, mask, decoded.pointer))
        return torch.cat(masks, dim=1)

    def _judge_targets(self, sam: SAM2Base, reading: Reading) -> Tensor:
        """All targets at once, each as the frame right after the references."""
        conditioned = condition_targets(sam, reading.features, reading.targets, reading.bank)
        return decode_targets(sam, conditioned).mask[:, 0].unflatten(0, reading.targets.shape)


def condition_targets(sam: SAM2Base, features: Features, grid: Tensor, bank: MemoryBank) -> Features:
    """All targets at once after memory attention, each as the frame right after the references.

    Args:
        sam: the base.
        features: of all frames.
        grid: int64 [B, N], which of the frames are targets.
        bank: memories of the references alone.

    Returns:
        Features of the B·N targets, clip by clip, for the decoder.
    """
    alone = MemoryBank(bank.shots, bank.mode, [memory.repeat(grid.shape[1]) for memory in bank.frames])
    return _conditioned(sam, features.select(grid.flatten()), alone, bank.shots + 1)


def _segment(sam: SAM2Base, part: Features, bank: MemoryBank, length: int) -> Decoded:
    return decode_targets(sam, _conditioned(sam, part, bank, length))


def _conditioned(sam: SAM2Base, part: Features, bank: MemoryBank, length: int) -> Features:
    return Features(bank.condition(sam, part.image, part.position, length), part.fine, part.position)


def check_clips(images: Tensor, prompts: Sequence[Sequence[Prompt]]) -> int:
    """K, after checking that images and prompts fit together.

    Raises:
        ValueError: images that are neither uint8 nor float32 [B, T, 3, H, W]; not B times K prompts with 1 <= K < T; a
            mask prompt of another size.
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
