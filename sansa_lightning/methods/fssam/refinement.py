"""Iterative refinement of a target's pseudo memory; no parameter (docs/fssam.md 4)."""

from __future__ import annotations

from typing import Literal, NamedTuple

from torch import Tensor

from sansa_lightning.methods.fssam.maps import likeness, places, pooled, stretched

Version = Literal["v1", "v2"]
"""Whether the share of the foreground memory is taken as it is (v1) or stretched to [0, 1] first (v2)."""


class Refined(NamedTuple):
    """A pseudo memory after some rounds.

    Attributes:
        memory: float32 [G, M, h, w].
        prior: its soft mask, [G, 1, h, w]; only a further round would read it.
    """

    memory: Tensor
    prior: Tensor


def agreement(references: Tensor, masks: Tensor, foreground: Tensor) -> Tensor:
    """How far each place of a target's foreground memory is like the object in the references' memories.

    Args:
        references: their spatial memories, [G, K, M, h, w].
        masks: float32 [G, K, h, w] in [0, 1].
        foreground: the target's memory of its foreground prior, [G, M, h, w].

    Returns:
        float32 [G, 1, h, w] in [0, 1], the mean over references; 0 for an empty mask.
    """
    objects = pooled(places(references), masks.flatten(-2))
    found = stretched(likeness(places(foreground)[:, None], objects))
    return found.mean(1, keepdim=True).unflatten(-1, (foreground.shape[-2], foreground.shape[-1]))


def refine(
    agreed: Tensor, foreground: Refined, discriminative: Refined, rounds: int = 3, version: Version = "v1"
) -> Refined:
    """Take over from the foreground memory what both the references and the pseudo memory itself find alike.

    Args:
        agreed: see :func:`agreement`.
        foreground: the target's memory of its foreground prior, and that prior at the memory's size.
        discriminative: the same of the other prior: the pseudo memory to refine.
        rounds: at least 0.
        version: see :data:`Version`.

    Returns:
        The pseudo memory and its prior; differentiable.
    """
    memory, prior, size = discriminative.memory.float(), discriminative.prior, tuple(agreed.shape[-2:])
    source = foreground.memory.float()
    for _ in range(rounds):
        own = pooled(places(memory), prior[:, 0].flatten(-2))
        alike = stretched(likeness(places(source), own)).unflatten(-1, size)[:, None]
        share = (agreed + alike - 1).clamp(min=0)
        if version == "v2":
            share = _stretched_map(share)
        memory = share * source + (1 - share) * memory
        prior = _stretched_map(share * foreground.prior + (1 - share) * prior)
    return Refined(memory, prior)


def _stretched_map(maps: Tensor) -> Tensor:
    return stretched(maps.flatten(-2)).reshape_as(maps)
