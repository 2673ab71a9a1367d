"""What a target is not: a reference of another class, for methods that compare."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import torch
from torch import Tensor

if TYPE_CHECKING:
    from sansa_lightning.clip import Episode, Prompt


@dataclass(frozen=True, slots=True)
class Negative:
    """An annotated image of a class that is not to be segmented.

    Attributes:
        episode: its class, its one reference, and the targets that it comes with.
        image: float32 [3, H, W], ImageNet-normalised, of the clip's size.
        prompt: annotates the object of the other class, in pixels of the clip.
    """

    episode: Episode
    image: Tensor
    prompt: Prompt

    def to(self, device: torch.device | str) -> Negative:
        """The same with its tensors on ``device``."""
        return replace(self, image=self.image.to(device), prompt=self.prompt.to(device))
