"""The contract of a prompter, its randomness, and the simplest one: the mask itself."""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod

import numpy as np
import torch
from torch import Tensor

from sansa_lightning.clips.episode import Episode
from sansa_lightning.clips.prompt import Prompt


class Prompter(ABC):
    """Draws the prompt of a reference from its mask."""

    @abstractmethod
    def __call__(self, mask: Tensor, generator: torch.Generator) -> Prompt:
        """The prompt for one reference.

        Args:
            mask: uint8 [H, W] in {0, 1, 255} at clip size; 1 is foreground.
            generator: the only randomness to use.
        """


class MaskPrompt(Prompter):
    """The mask itself; 255 counts as background."""

    def __call__(self, mask: Tensor, generator: torch.Generator) -> Prompt:
        """A mask prompt; uses no randomness."""
        return Prompt.mask(mask == 1)


def prompt_generator(episode: Episode, reference: int) -> torch.Generator:
    """The randomness of one reference of one episode: the same episode always gets the same prompts.

    Args:
        episode: whose prompts are drawn.
        reference: position of the reference, 0 .. K - 1.
    """
    digest = hashlib.sha256(f"{episode.to_json()}#{reference}".encode()).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest[:8], "big") >> 1)


def numpy_randomness(generator: torch.Generator) -> np.random.Generator:
    """NumPy's generator, seeded by one draw from torch's; it samples without replacement in little time."""
    return np.random.default_rng(int(torch.randint(2**63 - 1, (), generator=generator)))


def nowhere() -> Prompt:
    """What stands for a prompt that cannot be drawn, as of an empty mask: a click at (0, 0) (docs/sansa.md 5)."""
    return Prompt.points([[0, 0]])
