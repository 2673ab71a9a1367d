"""What a session looks like: pictures with masks and marks, small enough for a browser."""

from __future__ import annotations

import numpy as np
import torch
from PIL import Image, ImageDraw

from sansa_lightning.annotate.job.index_maps import colour
from sansa_lightning.figures.overlays import outlined
from sansa_lightning.images.pictures import resize_mask
from sansa_lightning.page.marks import Marks, mask_of_runs
from sansa_lightning.page.session import Session

LARGE, SMALL = 1024, 256
"""Longest side in pixels of the opened picture, and of those in the gallery."""

LEAST = 384
"""Side to which tiny pictures are enlarged when they are opened, so that single pixels can be clicked on."""

ON, BESIDE = (0, 170, 0), (220, 0, 0)


def shown_size(size: tuple[int, int], longest: int) -> tuple[int, int]:
    """(width, height) at which a picture of a size (H, W) is shown."""
    height, width = size
    scale = min(longest / max(size), max(1.0, min(LEAST, longest) / max(size)))
    return max(1, round(width * scale)), max(1, round(height * scale))


def drawn(session: Session, number: str, longest: int = LARGE, only: str | None = None) -> Image.Image:
    """A picture with the masks of its classes; those of one class alone also with its marks.

    Args:
        session: that has it.
        number: of the picture.
        longest: side in pixels.
        only: the class; all if None.
    """
    picture = session.pictures[number]
    width, height = shown_size(picture.size, longest)
    pixels = torch.from_numpy(np.array(session.image(number).resize((width, height))))
    for name, cell in session.of_picture(number):
        if cell.found is not None and only in (None, name):
            mask = resize_mask(mask_of_runs(cell.found.runs, picture.size), (height, width)) == 1
            pixels = outlined(pixels, mask, colour(session.classes.index(name) + 1))
    image = Image.fromarray(pixels.numpy())
    if only is not None:
        cell, scale = session.cell(number, only), width / picture.size[1]
        _draw_marks(image, cell.marks or cell.clicks, scale)
    return image


def caption(session: Session, number: str) -> str:
    """Name, classes and scores of a picture."""
    parts = []
    for name, cell in session.of_picture(number):
        if cell.marks is not None:
            parts.append(f"{name}: reference")
        elif cell.found is not None and cell.found.score is not None:
            presence = "" if cell.found.presence is None else f", presence {cell.found.presence:.2f}"
            parts.append(f"{name}: IoU {cell.found.score:.2f}{presence}")
    return " · ".join([session.pictures[number].name, *parts])


def _draw_marks(image: Image.Image, marks: Marks, scale: float) -> None:
    draw, radius = ImageDraw.Draw(image), max(3, max(image.size) // 120)
    if marks.box is not None:
        draw.rectangle([side * scale for side in marks.box], outline=ON, width=max(2, radius // 2))
    for x, y, label in marks.clicks:
        middle = (x * scale, y * scale)
        draw.circle(middle, radius, fill=ON if label else BESIDE, outline=(255, 255, 255), width=2)
