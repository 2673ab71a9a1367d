"""Sheets of small pictures under captions, and the pictures of feature maps and of numbered areas."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import ArrayLike, NDArray
from PIL import Image
from torch import Tensor

from sansa_lightning.figures.overlays import GAP, pixels, side_by_side

CELL = 160
"""Side of a picture on a sheet, pixels."""

FEW, WIDEST = 4, 1600
"""Rows that stay in one column, and the most pixels of all columns together."""

PARTS = ((230, 75, 53), (77, 187, 213), (0, 160, 135), (243, 155, 127), (142, 84, 233), (240, 200, 60), (126, 97, 72))
"""Colours of numbered parts."""

HOT = ((0, 0, 0), (87, 16, 110), (188, 55, 84), (249, 142, 9), (252, 255, 164))
"""Colours of a heat map from 0 to its highest value."""

Panel = tuple[str, Tensor]
"""A caption and a picture, uint8 [H, W, 3]."""


def sheet(rows: Sequence[Sequence[Panel]]) -> Image.Image:
    """Rows of pictures, each picture ``CELL`` wide and high; many rows are set in several columns.

    Args:
        rows: at least one, each of at least one panel.
    """
    strips = [side_by_side([in_cell(picture) for _, picture in row], [caption for caption, _ in row]) for row in rows]
    width, height = max(strip.width for strip in strips) + 3 * GAP, strips[0].height + GAP
    columns = max(1, min(math.ceil(len(strips) / FEW), WIDEST // width))
    deep = math.ceil(len(strips) / columns)
    found = Image.new("RGB", (width * columns - 3 * GAP, height * deep - GAP), "white")
    for place, strip in enumerate(strips):
        column, row = divmod(place, deep)
        found.paste(strip, (column * width, row * height))
    return found


def in_cell(picture: Tensor) -> Tensor:
    """A picture at the size of a cell: smooth if it shrinks; single pixels stay sharp squares if it grows."""
    grows = picture.shape[1] < CELL
    filtering = Image.Resampling.NEAREST if grows else Image.Resampling.BOX
    return torch.from_numpy(np.array(Image.fromarray(picture.numpy()).resize((CELL, CELL), filtering)))


def as_colours(components: NDArray[np.floating], lowest: ArrayLike, highest: ArrayLike) -> Tensor:
    """Three components of each cell as red, green and blue, uint8 [h, w, 3].

    Args:
        components: [h, w, 3].
        lowest: value of each that becomes 0.
        highest: value of each that becomes 255.
    """
    low, high = np.asarray(lowest), np.asarray(highest)
    scaled = (components - low) / np.maximum(high - low, 1e-12)
    return torch.from_numpy((scaled.clip(0, 1) * 255).round().astype(np.uint8))


def with_parts(image: Tensor, parts: Tensor) -> Tensor:
    """An image, uint8 [3, H, W], whose numbered areas have their colours; uint8 [H, W, 3].

    Args:
        image: the image.
        parts: int64 [h, w], -1 for none, laid over the image without smoothing.
    """
    size = (image.shape[1], image.shape[2])
    numbers = F.interpolate(parts[None, None].float(), size, mode="nearest")[0, 0].long()
    colours = torch.tensor(PARTS)[numbers.clamp(min=0) % len(PARTS)]
    picture = pixels(image)
    mixed = (0.35 * picture + 0.65 * colours).byte()
    return torch.where(numbers[..., None] >= 0, mixed, (picture * 0.5).byte())


def with_heat(image: Tensor, heat: Tensor, highest: float | None = None) -> Tensor:
    """An image, uint8 [3, H, W], in grey under a heat map; uint8 [H, W, 3].

    Args:
        image: the image.
        heat: float [h, w], at least 0, laid over the image smoothly.
        highest: value of the brightest colour; that of the map if None.
    """
    top = float(heat.max()) if highest is None else highest
    size = (image.shape[1], image.shape[2])
    level = F.interpolate(heat[None, None].float(), size, mode="bilinear")[0, 0] / max(top, 1e-12)
    place = level.clamp(0, 1) * (len(HOT) - 1)
    low = place.long().clamp(max=len(HOT) - 2)
    colours = torch.tensor(HOT).float()
    colour = torch.lerp(colours[low], colours[low + 1], (place - low)[..., None])
    grey = pixels(image).float().mean(2, keepdim=True)
    return (0.35 * grey + 0.65 * colour).clamp(0, 255).byte()
