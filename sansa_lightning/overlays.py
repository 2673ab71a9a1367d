"""Pictures of episodes for people: frames side by side, masks laid over them."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from sansa_lightning.images import IMAGENET_MEAN, IMAGENET_STD

REFERENCE_COLOUR = (46, 160, 255)
PREDICTION_COLOUR = (255, 92, 60)
OPACITY = 0.5
GAP = 4
"""Pixels between two frames."""


def episode_picture(images: Tensor, reference_masks: Tensor, predictions: Sequence[Tensor]) -> Image.Image:
    """References with their masks (blue), then targets with their predictions (red), from left to right.

    Args:
        images: float32 [T, 3, H, W], ImageNet-normalised.
        reference_masks: uint8 [K, H, W]; 1 is foreground.
        predictions: N bool masks, of any size; resized to the clip.
    """
    size = images.shape[-2:]
    masks = [mask == 1 for mask in reference_masks]
    masks += [F.interpolate(mask[None, None].float(), size, mode="nearest")[0, 0] > 0 for mask in predictions]
    colours = [REFERENCE_COLOUR] * len(reference_masks) + [PREDICTION_COLOUR] * len(predictions)
    frames = [tint(pixels(image), mask, colour) for image, mask, colour in zip(images, masks, colours, strict=True)]
    gap = torch.full((size[0], GAP, 3), 255, dtype=torch.uint8)
    strip = [part for frame in frames for part in (frame, gap)][:-1]
    return Image.fromarray(torch.cat(strip, dim=1).numpy())


def pixels(image: Tensor) -> Tensor:
    """A normalised frame, float32 [3, H, W], as uint8 RGB [H, W, 3] on the CPU."""
    mean, std = (torch.tensor(values)[:, None, None] for values in (IMAGENET_MEAN, IMAGENET_STD))
    return (image.cpu() * std + mean).mul(255).round().clamp(0, 255).byte().permute(1, 2, 0)


def tint(picture: Tensor, mask: Tensor, colour: tuple[int, int, int]) -> Tensor:
    """uint8 [H, W, 3] with ``colour`` mixed in where the bool mask [H, W] is set."""
    mixed = picture.float() * (1 - OPACITY) + torch.tensor(colour) * OPACITY
    return torch.where(mask.cpu()[..., None], mixed.byte(), picture)
