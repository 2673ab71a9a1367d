"""Frames to features: the image encoder of a base, all frames in one call or in chunks of a stated size."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from sansa_lightning.clips.frames import normalise

if TYPE_CHECKING:
    from sam2.modeling.sam2_base import SAM2Base


@dataclass(frozen=True, slots=True)
class Features:
    """Features of F frames; F is often B·T, clip by clip.

    Attributes:
        image: the map that memory attention and decoder work on, [F, C, h, w], stride 16 in SAM 2.
        fine: finer maps for the decoder, already projected by it, [F, C/8, 4h, 4w] and [F, C/4, 2h, 2w].
        position: sine position of ``image``, the same for every frame, [1, C, h, w].
    """

    image: Tensor
    fine: tuple[Tensor, ...]
    position: Tensor

    def select(self, frames: Tensor) -> Features:
        """The features of some frames, int64 [G]."""
        return Features(self.image[frames], tuple(level[frames] for level in self.fine), self.position)


def encode(sam: SAM2Base, images: Tensor, chunk: int | None = None) -> Features:
    """Features of frames of any size.

    No graph is kept below the first block that trains: nothing there requires a gradient.

    Args:
        sam: the base.
        images: uint8 [F, 3, H, W], RGB, or float32, ImageNet-normalised.
        chunk: how many frames go through the encoder at a time; all if None.
    """
    size = (sam.image_size, sam.image_size)
    frames = F.interpolate(normalise(images), size, mode="bilinear", align_corners=False, antialias=True)
    parts = [sam.forward_image(part) for part in frames.split(chunk or len(frames))]
    levels = [torch.cat([part["backbone_fpn"][i] for part in parts]) for i in range(sam.num_feature_levels)]
    return Features(levels[-1], tuple(levels[:-1]), parts[0]["vision_pos_enc"][-1][:1])


def checkpoint_activations(sam: SAM2Base) -> None:
    """Recompute activations in the backward pass, from the first trained encoder block on: less memory, more time.

    The blocks above it and the layers of memory attention are recomputed one by one. Call it after a strategy was
    attached. Parameters, their names and all results stay what they were.
    """
    blocks = list(sam.image_encoder.trunk.blocks)
    trained = [any(parameter.requires_grad for parameter in block.parameters()) for block in blocks]
    first = trained.index(True) if any(trained) else len(blocks)
    for module in (*blocks[first:], *sam.memory_attention.layers):
        module.forward = Recomputed(module.forward)


@dataclass(frozen=True, slots=True)
class Recomputed:
    """A module's forward pass, computed again in the backward pass.

    An object, not a closure: a deep copy of a base has to run the modules of the copy, and copying follows attributes.

    Attributes:
        forward: the bound method.
    """

    forward: Callable[..., Any]

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """What the module computes."""
        return checkpoint(self.forward, *args, use_reentrant=False, **kwargs)


def blocks_of_stage(sam: SAM2Base) -> list[list[int]]:
    """Numbers of the encoder blocks of each of the four stages (spec 1.1)."""
    ends = [end + 1 for end in sam.image_encoder.trunk.stage_ends]
    return [list(range(start, end)) for start, end in zip([0, *ends], ends, strict=False)]
