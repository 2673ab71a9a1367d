"""Boxes."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sansa_lightning.clips.prompt import Prompt
from sansa_lightning.data.prompts.base import Prompter, nowhere


class BoxPrompt(Prompter):
    """The largest box of the foreground's connected parts, as released (docs/sansa.md 5).

    Pixels are connected by their sides. The components' tight boxes, from top to bottom, are merged in one pass: each
    into the first earlier box that it overlaps, as merged by then. Boxes left after that pass stay apart, so for a
    class of several objects the box may hold only one.
    """

    def __call__(self, mask: Tensor, generator: torch.Generator) -> Prompt:
        """A box, or one click at (0, 0) if there is no foreground; draws nothing."""
        boxes = merged(part_boxes(mask.numpy() == 1))
        if not len(boxes):
            return nowhere()
        return Prompt.box(boxes[np.argmax(np.prod(boxes[:, 2:] - boxes[:, :2], axis=1))])


class WholeBoxPrompt(Prompter):
    """The box of all objects: tight around the whole foreground (the paper's wording; docs/sansa.md 3.3, 18)."""

    def __call__(self, mask: Tensor, generator: torch.Generator) -> Prompt:
        """A box, or one click at (0, 0) if there is no foreground; draws nothing."""
        pixels = torch.nonzero(mask == 1).flip(1)
        if not len(pixels):
            return nowhere()
        return Prompt.box(torch.stack([pixels.amin(0), pixels.amax(0) + 1]))


def part_boxes(foreground: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Tight boxes (x0, y0, x1, y1), ends exclusive, of the 4-connected components, ascending by y0, then x0: [n, 4]."""
    from scipy import ndimage

    labels, number = ndimage.label(foreground)
    if not number:
        return np.empty((0, 4), np.int64)
    boxes = [(x.start, y.start, x.stop, y.stop) for y, x in ndimage.find_objects(labels)]
    return np.array(sorted(boxes, key=lambda box: (box[1], box[0])), np.int64)


def merged(boxes: NDArray[np.int64]) -> NDArray[np.int64]:
    """The boxes after one greedy pass: each joins the first kept box with a common pixel, or is kept itself."""
    kept = np.empty_like(boxes)
    number = 0
    for box in boxes:
        before = kept[:number]
        overlaps = (np.minimum(before[:, 2:], box[2:]) > np.maximum(before[:, :2], box[:2])).all(1)
        if overlaps.any():
            first = before[np.argmax(overlaps)]
            first[:] = [*np.minimum(first[:2], box[:2]), *np.maximum(first[2:], box[2:])]
        else:
            kept[number] = box
            number += 1
    return kept[:number]
