"""Many targets after the same references, a few at a time: what is held in memory does not grow with their number."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from sansa_lightning.clips.prompt import Prompt
from sansa_lightning.sam2.decoder import decode_targets
from sansa_lightning.sam2.encoder import encode
from sansa_lightning.sam2.propagate import Masks, Propagation, condition_targets

if TYPE_CHECKING:
    from sam2.modeling.sam2_base import SAM2Base


def segment_groups(
    propagation: Propagation,
    sam: SAM2Base,
    references: Tensor,
    prompts: Sequence[Prompt],
    groups: Iterable[Tensor],
) -> Iterator[Tensor]:
    """Logits of targets, each from the references alone; the references are read once.

    Args:
        propagation: options of the recipe.
        sam: the base, with or without a strategy.
        references: uint8 [K, 3, H, W], RGB, or float32, ImageNet-normalised.
        prompts: K prompts, in pixels of the references.
        groups: targets, [G, 3, H, W] each of the same type; a group is asked for when the one before it is done.

    Yields:
        For each group float32 [G, H, W].
    """
    size = (references.shape[-2], references.shape[-1])
    grid = torch.arange(len(references), device=references.device)[None]
    features = encode(sam, references, propagation.encode_chunk)
    _, bank = propagation.read_references(sam, features, grid, [prompts], size)
    for targets in groups:
        features = encode(sam, targets, propagation.encode_chunk)
        grid = torch.arange(len(targets), device=targets.device)[None]
        low = decode_targets(sam, condition_targets(sam, features, grid, bank)).mask
        yield Masks.of(low, size).logits[:, 0]
