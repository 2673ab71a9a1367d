"""References kept as they came, for methods that read them anew with each group of targets."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import torch
from torch import Tensor

from sansa_lightning.clips.prompt import Prompt

COORDS = ".coords"
"""Ending of the names of packed coordinates, which stay float32 in models of less precision."""


class KeptReferences(NamedTuple):
    """References of one class.

    Attributes:
        images: [K, 3, H, W].
        prompts: K prompts.
    """

    images: Tensor
    prompts: tuple[Prompt, ...]

    def pack(self) -> dict[str, Tensor]:
        """As tensors by name."""
        named = {
            f"{number}.{part}": getattr(prompt, part)
            for number, prompt in enumerate(self.prompts)
            for part in ("dense", "coords", "labels")
        }
        return {"images": self.images, **{name: tensor for name, tensor in named.items() if tensor is not None}}

    @classmethod
    def unpack(cls, tensors: Mapping[str, Tensor]) -> KeptReferences:
        """From what :meth:`pack` gave."""
        return cls(tensors["images"], tuple(_prompt(tensors, number) for number in range(len(tensors["images"]))))


def _prompt(tensors: Mapping[str, Tensor], number: int) -> Prompt:
    """A prompt by its tensors; labels beyond 1 are the corners of a box."""
    dense = tensors.get(f"{number}.dense")
    if dense is not None:
        return Prompt("mask", dense=dense.float())
    coords, labels = tensors[f"{number}.coords"].float(), tensors[f"{number}.labels"].to(torch.int32)
    return Prompt("box" if bool((labels > 1).any()) else "point", coords=coords, labels=labels)
