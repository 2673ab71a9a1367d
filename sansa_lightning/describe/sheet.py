"""A picture of episodes as the model sees them: references with their prompts, targets with the truth."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image, ImageDraw
from torch import Tensor

from sansa_lightning.clips.clip import Clip
from sansa_lightning.clips.prompt import Prompt
from sansa_lightning.data.datamodule import EpisodeDataModule, Phase
from sansa_lightning.figures.overlays import (
    GAP,
    REFERENCE_COLOUR,
    TRUTH_COLOUR,
    coloured,
    outline,
    outlined,
    pixels,
    side_by_side,
)
from sansa_lightning.files.messages import counted
from sansa_lightning.images.object_masks import IGNORE

CELL = 224
"""Side of a frame on the sheet, pixels."""

IGNORE_COLOUR = (128, 128, 128)
CLICK_COLOURS = {0: (255, 60, 60), 1: (255, 230, 0)}
"""Colours of background and foreground clicks."""

_MANY_CLICKS = 30
"""From this number on, clicks are a scribble and drawn as single pixels of the clip."""

_RADIUS = 3


def contact_sheet(data: EpisodeDataModule, phases: Sequence[Phase], episodes: int) -> Image.Image:
    """The first episodes of each phase, one per row: references, then targets.

    References have their prompt in blue (mask, box) or yellow (clicks, also of a scribble), and the outline of their
    mask in green unless the prompt is the mask itself. Targets have their mask in green and ignored pixels in grey.

    Args:
        data: set up.
        phases: the lists of episodes.
        episodes: number of episodes of each; fewer if a list is shorter.
    """
    rows = []
    for phase in phases:
        clips = data.clips(phase)
        for index in range(min(episodes, len(clips))):
            clip = clips[index]
            source = clips.sources[clip.episode.source]
            rows.append(_row(clip, f"{phase} {index}", source.class_name(clip.episode.class_id)))
    sheet = Image.new("RGB", (max(row.width for row in rows), sum(row.height + GAP for row in rows) - GAP), "white")
    top = 0
    for row in rows:
        sheet.paste(row, (0, top))
        top += row.height + GAP
    return sheet


def _row(clip: Clip, label: str, name: str) -> Image.Image:
    keys = clip.episode.references + clip.episode.targets
    frames, captions = [], []
    for place, key in enumerate(keys):
        image, mask = _in_cell(clip.images[place], clip.masks[place])
        if place < len(clip.prompts):
            prompt = clip.prompts[place]
            frames.append(_reference(image, mask, prompt, clip.images.shape[2:]))
            captions.append(f"{label}: {name}, {_kind(prompt)} | {clip.episode.source} {key}")
        else:
            frames.append(_truth(image, mask))
            captions.append(f"target | {key}")
    return side_by_side(frames, captions)


def _in_cell(image: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
    """A frame of a clip and its mask at the sheet's size: uint8 [CELL, CELL, 3] and uint8 [CELL, CELL]."""
    resized = Image.fromarray(pixels(image).numpy()).resize((CELL, CELL), Image.Resampling.BILINEAR)
    values = F.interpolate(mask[None, None], size=(CELL, CELL), mode="nearest")[0, 0]
    return torch.from_numpy(np.array(resized)), values


def _truth(image: Tensor, mask: Tensor) -> Tensor:
    return coloured(outlined(image, mask == 1, TRUTH_COLOUR), mask == IGNORE, IGNORE_COLOUR)


def _reference(image: Tensor, mask: Tensor, prompt: Prompt, size: Sequence[int]) -> Tensor:
    """A reference with its prompt, whose coordinates are pixels of a clip of ``size`` = (H, W)."""
    if prompt.dense is not None:
        dense = F.interpolate(prompt.dense[None, None], size=(CELL, CELL), mode="nearest")[0, 0]
        return outlined(image, dense > 0, REFERENCE_COLOUR)
    frame = coloured(image, outline(mask == 1), TRUTH_COLOUR)
    picture = Image.fromarray(frame.numpy())
    draw = ImageDraw.Draw(picture)
    coords, labels = prompt.coords, prompt.labels
    assert coords is not None and labels is not None  # noqa: S101, PT018 - every prompt except masks has both
    across, down = CELL / size[1], CELL / size[0]
    places = (coords * torch.tensor([across, down])).tolist()
    if prompt.kind == "box":
        (x0, y0), (x1, y1) = places
        draw.rectangle((x0, y0, max(x1 - 1, x0), max(y1 - 1, y0)), outline=REFERENCE_COLOUR, width=2)
    else:
        for (x, y), label in zip(places, labels.tolist(), strict=True):
            if len(places) < _MANY_CLICKS:
                draw.ellipse((x - _RADIUS, y - _RADIUS, x + _RADIUS, y + _RADIUS), fill=CLICK_COLOURS[label])
            else:
                end = (math.ceil(x + across) - 1, math.ceil(y + down) - 1)
                draw.rectangle((int(x), int(y), *end), fill=CLICK_COLOURS[label])
    return torch.from_numpy(np.array(picture))


def _kind(prompt: Prompt) -> str:
    return prompt.kind if prompt.coords is None or prompt.kind == "box" else counted(len(prompt.coords), "point")
