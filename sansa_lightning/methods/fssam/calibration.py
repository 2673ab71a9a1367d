"""Support-calibrated memory attention, as a bias on its scores (docs/fssam.md 5)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from sansa_lightning.methods.fssam.maps import likeness, pooled, stretched

KShot = Literal["averaged", "concatenated", "released"]
"""How several references are read. "averaged": their memories are averaged place by place into one block, as the paper
has it; "concatenated": one block for each; "released": likewise, and the calibration acts on the *second* reference,
by the mask of the first, a slip of the released code that its published 5-shot numbers may rest on (docs/fssam.md 6).
With one reference all three are the same."""


@dataclass(frozen=True)
class Layout:
    """The blocks of spatial memories that attention reads, in their order.

    Attributes:
        mean: whether the first block is the mean of the references' memories.
        pseudo: number of the block that is calibrated: the target's pseudo memory, where all is right.
        references: numbers of the blocks by whose keys it is calibrated, with the first masks, in order.
        unread: numbers of the blocks that attention must not read; they are there for the calibration.
    """

    mean: bool
    pseudo: int
    references: tuple[int, ...]
    unread: tuple[int, ...] = ()

    @classmethod
    def of(cls, kshot: KShot, shots: int) -> Layout:
        """For K references, of which the memories come as K blocks, and the pseudo memory after them.

        With a mean there are two blocks before the K ones: the mean and the pseudo memory.
        """
        if shots == 1 or kshot == "concatenated":
            return cls(mean=False, pseudo=shots, references=tuple(range(shots)))
        if kshot == "released":
            return cls(mean=False, pseudo=1, references=(0,))
        own = tuple(range(2, shots + 2))
        return cls(mean=True, pseudo=1, references=own, unread=own)


@dataclass(frozen=True)
class Calibration:
    """An :data:`~sansa_lightning.trackers.base.AttentionBias` that keeps targets from reading unlikely pseudo memory.

    For a query, ``factor · min(Â + c - 1, 0)`` is added to the score of each key of the pseudo memory: Â is the score,
    stretched to [0, 1] over these keys, and c the key's likeness to the references' objects, stretched likewise. It
    lies in [-factor, 0], carries no gradient, and other keys get nothing. So the only dense scores that are formed are
    those with the pseudo memory; attention itself stays fused.

    Attributes:
        masks: of the references, float32 [G, K, N] in {0, 1}, N keys a block.
        layout: of the blocks.
        factor: at least 0; 10 in FSSAM, and 0 is plain attention.
    """

    masks: Tensor
    layout: Layout
    factor: float = 10.0

    @torch.no_grad()
    def __call__(self, query: Tensor, key: Tensor) -> Tensor:
        """The bias of one layer, float32 [G, heads, h·w, L].

        Args:
            query: [G, heads, h·w, C].
            key: [G, heads, L, C].
        """
        with torch.autocast(query.device.type, enabled=False):
            bias = torch.zeros(*query.shape[:-1], key.shape[-2], device=query.device)
            self._block(bias, self.layout.pseudo)[:] = self.lowered(query, key)
            for number in self.layout.unread:
                self._block(bias, number)[:] = -math.inf
        return bias

    def lowered(self, query: Tensor, key: Tensor) -> Tensor:
        """What is added to the scores of the pseudo memory, float32 [G, heads, h·w, N]; arguments as for a call."""
        pseudo = self._keys(key, self.layout.pseudo)
        scores = query.float() @ pseudo.transpose(-1, -2) / math.sqrt(query.shape[-1])
        return self.factor * (stretched(scores) + self.trusted(key)[..., None, :] - 1).clamp(max=0)

    def trusted(self, key: Tensor) -> Tensor:
        """c: how far each key of the pseudo memory is like the references' objects, float32 [G, heads, N] in [0, 1]."""
        pseudo = self._keys(key, self.layout.pseudo)
        found = [
            stretched(likeness(pseudo, pooled(self._keys(key, number), self.masks[:, None, shot])))
            for shot, number in enumerate(self.layout.references)
        ]
        return torch.stack(found).mean(0)

    def _keys(self, key: Tensor, number: int) -> Tensor:
        """The keys of a block, float32 [G, heads, N, C]."""
        size = self.masks.shape[-1]
        return key[:, :, number * size : (number + 1) * size].float()

    def _block(self, bias: Tensor, number: int) -> Tensor:
        """The columns of a block, as a view."""
        size = self.masks.shape[-1]
        return bias[..., number * size : (number + 1) * size]
