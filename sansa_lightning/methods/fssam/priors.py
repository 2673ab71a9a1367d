"""The pseudo prompts of a target, from features of a frozen encoder: no parameter, no threshold (docs/fssam.md 2)."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from sansa_lightning.methods.fssam.maps import likeness, places, pooled, resized, stretched


class Prototypes(NamedTuple):
    """What references look like to an encoder.

    Attributes:
        foreground: mean feature of the object, float32 [B, K, C].
        background: of the rest, likewise.
    """

    foreground: Tensor
    background: Tensor


class Priors(NamedTuple):
    """Soft masks that a target is given, in [0, 1].

    Attributes:
        foreground: likeness to the references' object: more complete, noisier; float32 [G, 1, S, S].
        discriminative: how much likelier object than background: cleaner, less complete; likewise.
    """

    foreground: Tensor
    discriminative: Tensor


@torch.no_grad()
def prototypes(features: Tensor, masks: Tensor) -> Prototypes:
    """Mean features of references.

    Args:
        features: of an encoder, [B, K, C, h, w].
        masks: float32 [B, K, S, S] in {0, 1}.
    """
    inside = resized(masks, (features.shape[-2], features.shape[-1])).flatten(-2)
    cells = places(features)
    return Prototypes(pooled(cells, inside), pooled(cells, 1 - inside))


@torch.no_grad()
def pseudo_prompts(features: Tensor, seen: Prototypes, size: int) -> Priors:
    """The priors of targets; each reference gives its own, and they are averaged.

    Args:
        features: of the targets, from the same encoder, [G, C, h, w].
        seen: of the references of each target, [G, K, C].
        size: side S of the priors, in pixels.
    """
    cells, grid = places(features)[:, None], (features.shape[-2], features.shape[-1])
    like = [
        resized(stretched(likeness(cells, prototype)).unflatten(-1, grid), (size, size))
        for prototype in (seen.foreground, seen.background)
    ]
    rather = stretched((like[0] - like[1]).clamp(min=0).flatten(-2)).unflatten(-1, (size, size))
    return Priors(like[0].mean(1, keepdim=True), rather.mean(1, keepdim=True))
