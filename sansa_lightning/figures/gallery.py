"""A picture of some test episodes for people: the predictions of one or two models, and the truth."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from sansa_lightning.clips.episode import ClassId
from sansa_lightning.clips.evaluation import EvaluationBatch
from sansa_lightning.figures.overlays import (
    PREDICTION_COLOUR,
    REFERENCE_COLOUR,
    TRUTH_COLOUR,
    coloured,
    outline,
    pixels,
)
from sansa_lightning.metrics.few_shot_iou import overlap_counts

PANEL = 192
"""Side of a frame in pixels, whatever the size of the clip."""

GAP, MARGIN, HEAD, FONT = 4, 20, 26, 18
"""Pixels between the frames of an episode, around episodes, and for captions; and the size of the captions' letters."""

DARK, FADED = 0.6, 0.6
"""Brightness of pixels outside a mask, and the share of their colour that is removed."""

COLUMNS = 2
"""Number of episodes side by side."""


class Example(NamedTuple):
    """One episode, by its first reference and its first target.

    Attributes:
        class_id: its class.
        images: uint8 [2, 3, H, W], RGB, reference and target.
        masks: uint8 [2, H, W] in {0, 1, 255}, of both.
        predictions: bool [H, W] of the target, by the heading of its panel.
    """

    class_id: ClassId
    images: Tensor
    masks: Tensor
    predictions: dict[str, Tensor]


class Gallery:
    """Chooses episodes in their order: the first one of each class, then the first of the others.

    Args:
        size: number of episodes, at least one.
    """

    def __init__(self, size: int = 6) -> None:
        self.size = size
        self._first: dict[ClassId, Example] = {}
        self._more: list[Example] = []

    def look_at(self, batch: EvaluationBatch, predictions: dict[str, Tensor]) -> None:
        """Keep the episodes of a batch that may be chosen.

        Args:
            batch: B clips.
            predictions: bool [B, N, H, W] at clip size, by the heading of their panels.
        """
        clips = batch.clips
        for clip, episode in enumerate(clips.episodes):
            known = episode.class_id in self._first
            full = len(self._first) >= self.size or (known and len(self._more) >= self.size)
            if full or not batch.scored[clip]:
                continue
            places = [0, clips.shots]
            example = Example(
                episode.class_id,
                clips.images[clip, places].cpu(),
                clips.masks[clip, places].cpu(),
                {heading: masks[clip, 0].cpu() for heading, masks in predictions.items()},
            )
            if known:
                self._more.append(example)
            else:
                self._first[episode.class_id] = example

    @property
    def chosen(self) -> list[Example]:
        """The episodes, by class."""
        examples = [*self._first.values(), *self._more][: self.size]
        return sorted(examples, key=lambda example: example.class_id)


def gallery_picture(examples: Sequence[Example], names: dict[ClassId, str]) -> Image.Image:
    """Episodes on white, each a row of frames: reference (blue), predictions (red) with their IoUs, truth (green).

    Pixels outside a mask are pale and dark: a tint would be lost on saturated objects.

    Args:
        examples: at least one, with equal headings.
        names: of their classes.
    """
    strips = [_strip(example, names[example.class_id]) for example in examples]
    width, height = strips[0].size
    columns = min(COLUMNS, len(strips))
    rows = -(-len(strips) // columns)
    size = (columns * (width + MARGIN) + MARGIN, rows * (height + MARGIN) + MARGIN)
    picture = Image.new("RGB", size, "white")
    for place, strip in enumerate(strips):
        row, column = divmod(place, columns)
        picture.paste(strip, (MARGIN + column * (width + MARGIN), MARGIN + row * (height + MARGIN)))
    return picture


def _strip(example: Example, name: str) -> Image.Image:
    reference, target = (_enlarged(image) for image in example.images)
    truth = example.masks[1]
    panels = [(f"reference: {name}", spotlit(reference, example.masks[0] == 1, REFERENCE_COLOUR))]
    for heading, mask in example.predictions.items():
        intersection, union = (counts[0, 1].item() for counts in overlap_counts(mask[None], truth[None]))
        caption = f"{heading}: {100 * intersection / max(union, 1):.0f}"
        panels.append((caption, spotlit(target, mask, PREDICTION_COLOUR)))
    panels.append(("truth", spotlit(target, truth == 1, TRUTH_COLOUR)))
    picture = Image.new("RGB", (len(panels) * (PANEL + GAP) - GAP, PANEL + HEAD), "white")
    draw = ImageDraw.Draw(picture)
    font = ImageFont.load_default(FONT)
    for place, (caption, frame) in enumerate(panels):
        left = place * (PANEL + GAP)
        draw.text((left, 0), _cut(caption, font), fill="black", font=font)
        picture.paste(Image.fromarray(frame.numpy()), (left, HEAD))
    return picture


def _enlarged(image: Tensor) -> Tensor:
    """A frame as uint8 [PANEL, PANEL, 3]."""
    picture = Image.fromarray(pixels(image).numpy()).resize((PANEL, PANEL), Image.Resampling.BICUBIC)
    return torch.from_numpy(np.array(picture))


def spotlit(picture: Tensor, mask: Tensor, colour: tuple[int, int, int]) -> Tensor:
    """A picture whose mask keeps its colours, within an outline of ``colour``; the rest is pale and dark.

    Args:
        picture: uint8 [H, W, 3].
        mask: bool, of any size; its own pixels are shown, without smoothing.
        colour: RGB.
    """
    lit = F.interpolate(mask[None, None].float(), picture.shape[:2], mode="nearest")[0, 0] > 0
    grey = picture.float().mean(2, keepdim=True)
    dark = (FADED * grey + (1 - FADED) * picture).mul(DARK).byte()
    shown = torch.where(lit[..., None], picture, dark)
    return coloured(shown, outline(lit) | outline(outline(lit) | lit), colour)


def _cut(caption: str, font: ImageFont.ImageFont | ImageFont.FreeTypeFont) -> str:
    """The part of a caption for which a panel has room."""
    while font.getlength(caption) > PANEL and len(caption) > 1:
        caption = caption[:-2] + "…"
    return caption
