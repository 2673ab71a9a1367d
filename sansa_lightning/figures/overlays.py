"""Pictures of episodes for people: frames side by side, masks laid over them and outlined."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from PIL import Image, ImageDraw
from torch import Tensor
from torchvision.utils import draw_segmentation_masks

REFERENCE_COLOUR = (46, 160, 255)
PREDICTION_COLOUR = (255, 60, 60)
TRUTH_COLOUR = (60, 255, 60)
OPACITY = 0.4
GAP = 4
"""Pixels between two frames."""

HEAD = 14
"""Pixels above the frames, for their captions."""


def episode_picture(images: Tensor, masks: Tensor, predictions: Sequence[Tensor], name: str) -> Image.Image:
    """References with their masks (blue), then targets with prediction (red) and truth (green outline), side by side.

    Args:
        images: uint8 [T, 3, H, W], RGB.
        masks: uint8 [T, H, W]; 1 is foreground.
        predictions: bool masks of the N targets, of any size; resized to the clip.
        name: of the class, for the captions.
    """
    shots = len(images) - len(predictions)
    frames = [outlined(pixels(images[k]), masks[k] == 1, REFERENCE_COLOUR) for k in range(shots)]
    for image, truth, prediction in zip(images[shots:], masks[shots:], predictions, strict=True):
        resized = F.interpolate(prediction[None, None].float(), image.shape[1:], mode="nearest")[0, 0] > 0
        frame = outlined(pixels(image), resized, PREDICTION_COLOUR)
        frames.append(coloured(frame, outline(truth == 1), TRUTH_COLOUR))
    captions = [f"reference: {name}"] * shots + [f"target: {name}"] * len(predictions)
    return side_by_side(frames, captions)


def side_by_side(frames: Sequence[Tensor], captions: Sequence[str]) -> Image.Image:
    """Frames of one size, uint8 [H, W, 3], in a row on white, each under its caption."""
    height, width, _ = frames[0].shape
    picture = Image.new("RGB", (len(frames) * (width + GAP) - GAP, height + HEAD), "white")
    draw = ImageDraw.Draw(picture)
    for place, (frame, caption) in enumerate(zip(frames, captions, strict=True)):
        left = place * (width + GAP)
        draw.text((left + 2, 1), caption, fill="black")
        # The part of the caption beyond its frame.
        draw.rectangle((left + width, 0, left + width + GAP + width, HEAD - 1), fill="white")
        picture.paste(Image.fromarray(frame.numpy()), (left, HEAD))
    return picture


def pixels(image: Tensor) -> Tensor:
    """A frame of a clip, uint8 [3, H, W], as a picture [H, W, 3] on the CPU."""
    return image.cpu().permute(1, 2, 0)


def outlined(picture: Tensor, mask: Tensor, colour: tuple[int, int, int]) -> Tensor:
    """uint8 [H, W, 3] with ``colour`` mixed in where the bool mask [H, W] is set, and in full around it.

    The outline lies outside, so that an object of a few pixels stays visible.
    """
    tinted = draw_segmentation_masks(picture.permute(2, 0, 1), mask.cpu(), alpha=OPACITY, colors=colour)
    return coloured(tinted.permute(1, 2, 0), outline(mask), colour)


def outline(mask: Tensor) -> Tensor:
    """The pixels, bool [H, W] on the CPU, around a bool mask [H, W]; a line of a 200th of the side, at least one."""
    width = max(1, max(mask.shape) // 200)
    area = mask.cpu().float()[None]
    return (F.max_pool2d(area, 2 * width + 1, stride=1, padding=width)[0] > 0) & ~mask.cpu()


def coloured(picture: Tensor, where: Tensor, colour: tuple[int, int, int]) -> Tensor:
    """uint8 [H, W, 3] with ``colour`` where the bool mask [H, W] is set."""
    return torch.where(where[..., None], torch.tensor(colour, dtype=torch.uint8), picture)
