"""Clips of equal size, stacked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any, Self

import torch
from torch import Tensor
from torch.utils.data import default_collate

from sansa_lightning.clips.clip import Clip
from sansa_lightning.clips.episode import Episode
from sansa_lightning.clips.moving import Movable
from sansa_lightning.clips.prompt import Prompt


@dataclass(frozen=True, slots=True)
class ClipBatch(Movable):
    """Clips of equal T, K, H and W: all that a method needs to segment them, and the truth, but nothing else.

    A subclass has the further fields of a subclass of :class:`Clip`, under the same names.

    Attributes:
        episodes: B episodes.
        images: uint8 [B, T, 3, H, W], RGB; the tracker normalises them. It also encodes float32 images, which it takes
            as normalised already.
        masks: uint8 [B, T, H, W] in {0, 1, 255}.
        prompts: B tuples of K prompts.
    """

    episodes: tuple[Episode, ...]
    images: Tensor
    masks: Tensor
    prompts: tuple[tuple[Prompt, ...], ...]

    @classmethod
    def collate(cls, clips: Sequence[Clip]) -> Self:
        """Stack clips: tensors become one, anything else a tuple.

        Raises:
            ValueError: clips differ in frames, size or number of references.
        """
        _check_alike(clips)
        parts = {
            part.name: _together([getattr(clip, _OF_CLIP.get(part.name, part.name)) for clip in clips])
            for part in fields(cls)
        }
        return cls(**parts)

    @property
    def shots(self) -> int:
        """K, the number of references of each clip."""
        return len(self.prompts[0])

    @property
    def class_ids(self) -> Tensor:
        """int64 [B], on the device of the images."""
        return torch.tensor([episode.class_id for episode in self.episodes], device=self.images.device)


_OF_CLIP = {"episodes": "episode"}
"""Fields of a batch that have another name in a clip."""


def _together(parts: list[Any]) -> Any:
    # In a loading process tensors are stacked into shared memory, which saves a copy.
    return default_collate(parts) if isinstance(parts[0], Tensor) else tuple(parts)


def _check_alike(clips: Sequence[Clip]) -> None:
    for clip in clips:
        same = clip.images.shape == clips[0].images.shape and len(clip.prompts) == len(clips[0].prompts)
        if not same or clip.masks.shape != clip.images.shape[:1] + clip.images.shape[2:]:
            msg = (
                f"ClipBatch: expected clips of images {list(clips[0].images.shape)} with masks [T, H, W] and "
                f"{len(clips[0].prompts)} prompts, but got images {list(clip.images.shape)}, masks "
                f"{list(clip.masks.shape)} and {len(clip.prompts)} prompts in {clip.episode}"
            )
            raise ValueError(msg)
