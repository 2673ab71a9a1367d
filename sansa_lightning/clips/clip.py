"""The tensors of one clip.

One alphabet of shapes, used in every docstring of the project: B clips, K references, T frames of a
clip (references first), N = T - K targets, H W pixels of a clip, h w cells of a feature grid, P points,
C channels.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from typing import Self

import torch
from torch import Tensor

from sansa_lightning.clips.episode import Episode
from sansa_lightning.clips.prompt import Prompt


@dataclass(frozen=True, slots=True)
class Clip:
    """One pseudo-video: what a method needs to segment it, and the truth.

    Attributes:
        episode: what it shows.
        images: uint8 [T, 3, H, W], RGB, references first.
        masks: uint8 [T, H, W] in {0, 1, 255 = ignore}.
        prompts: K prompts, one for each reference.
    """

    episode: Episode
    images: Tensor
    masks: Tensor
    prompts: tuple[Prompt, ...]

    def annotation_hash(self) -> str:
        """SHA-256 of masks and prompts, hexadecimal; not of pixels, which another decoder may move by one."""
        found = hashlib.sha256(repr(tuple(self.masks.shape)).encode() + self.masks.numpy().tobytes())
        for prompt in self.prompts:
            found.update(prompt.kind.encode())
            for part in (prompt.dense, prompt.coords, prompt.labels):
                found.update(b"" if part is None else part.numpy().tobytes())
        return found.hexdigest()

    def after(self, other: Clip) -> Self:
        """These targets after the K references of another clip; the class stays that of the targets."""
        shots = len(self.prompts)
        return replace(
            self,
            episode=replace(self.episode, references=other.episode.references),
            images=torch.cat([other.images[:shots], self.images[shots:]]),
            masks=torch.cat([other.masks[:shots], self.masks[shots:]]),
            prompts=other.prompts,
        )
