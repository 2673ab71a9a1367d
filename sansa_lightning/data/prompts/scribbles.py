"""Scribbles: free-form strokes, whose pixels on the foreground become clicks."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sansa_lightning.clips.prompt import Prompt
from sansa_lightning.data.prompts.base import Prompter, nowhere, numpy_randomness
from sansa_lightning.data.prompts.points import draw_pixels, number_range

_TURN = 0.5
"""Largest change of direction at a vertex, radians."""


@dataclass(frozen=True, slots=True)
class Brush:
    """How strokes are drawn (Yu et al. 2019; numbers: docs/sansa.md 5). Lengths are pixels; ranges exclude their end.

    Attributes:
        steps: range of the number of vertices after the first.
        speed: longest distance between two vertices.
        acceleration: largest change of that distance from one step to the next.
        width: range of the stroke's width.
        shift: standard deviation of the final move of the whole stroke.
        jitter: range of the moves of half of its vertices after that, in x and in y.
    """

    steps: tuple[int, int]
    speed: float
    acceleration: float
    width: tuple[int, int]
    shift: float
    jitter: tuple[int, int]

    def stroke(self, start: NDArray[np.int64], rng: np.random.Generator) -> NDArray[np.int64]:
        """Vertices (x, y) of one stroke, [steps + 1, 2]; they may leave the image.

        Args:
            start: (x, y) of the first vertex before the stroke is moved.
            rng: source of randomness.
        """
        steps = int(rng.integers(*self.steps))
        path = np.cumsum(np.concatenate([start[None].astype(np.float64), self._moves(steps, rng)]), axis=0)
        angle = rng.uniform(0, 2 * math.pi)
        distance = abs(rng.normal(0, self.shift))
        # Truncated towards zero, so that small shifts vanish.
        path += np.trunc([distance * math.cos(angle), distance * math.sin(angle)])
        moved = rng.choice(len(path), len(path) // 2, replace=False)
        path[moved] += rng.integers(*self.jitter, (len(moved), 2))
        return path.astype(np.int64)

    def _moves(self, steps: int, rng: np.random.Generator) -> NDArray[np.float64]:
        """Differences between consecutive vertices, [steps, 2]."""
        speeds = [rng.uniform(0, self.speed)]
        for change in rng.uniform(-self.acceleration, self.acceleration, steps - 1):
            speeds.append(min(max(speeds[-1] + change, 0.0), self.speed))
        turns = rng.uniform(-_TURN, _TURN, steps - 1)
        angles = rng.uniform(0, 2 * math.pi) + np.concatenate([[0.0], np.cumsum(turns)])
        return np.stack([np.sin(angles), np.cos(angles)], 1) * np.array(speeds)[:, None]


BRUSHES = {
    "wide": Brush((10, 30), 20, 15, (3, 10), 3.0, (-3, 3)),
    "small": Brush((6, 22), 12, 8, (2, 5), 1.5, (-1, 1)),
}


class ScribblePrompt(Prompter):
    """Strokes that begin on distinct random pixels of the foreground; each of their pixels on it is a click.

    See docs/sansa.md 5.

    As published: the default in training, and nine wide strokes, or ``ScribblePrompt(9, 9, ["wide"])``, in
    evaluation. There are at most as many strokes as pixels.

    Args:
        least: fewest strokes, at least 1.
        most: most strokes, at least ``least``.
        brushes: names out of ``BRUSHES``; one of them, equally likely, draws all strokes of a prompt.
        max_points: most clicks, chosen at random among the scribble's pixels; each click is a token of the decoder,
            and a scribble has hundreds to thousands. None keeps all, as published.
    """

    def __init__(
        self, least: int = 1, most: int = 20, brushes: Sequence[str] = ("wide", "small"), max_points: int | None = None
    ) -> None:
        self.least, self.most = number_range("ScribblePrompt", least, most)
        if not brushes or not set(brushes) <= set(BRUSHES):
            msg = f"ScribblePrompt.brushes: expected some of {', '.join(BRUSHES)}, but got {list(brushes)}"
            raise ValueError(msg)
        if max_points is not None and max_points < 1:
            msg = f"ScribblePrompt.max_points: expected at least 1, or null for all, but got {max_points}"
            raise ValueError(msg)
        self.brushes = tuple(brushes)
        self.max_points = max_points

    def __call__(self, mask: Tensor, generator: torch.Generator) -> Prompt:
        """Positive clicks; one at (0, 0) if no stroke meets the foreground."""
        rng = numpy_randomness(generator)
        brush = BRUSHES[self.brushes[int(rng.integers(len(self.brushes)))]]
        starts = draw_pixels(mask, self.least, self.most, rng)
        if not len(starts):
            return nowhere()
        canvas = Canvas(mask.shape[0], mask.shape[1])
        for start in starts:
            canvas.draw(brush.stroke(start, rng), int(rng.integers(*brush.width)))
        rows, columns = np.nonzero(canvas.pixels() & (mask.numpy() == 1))
        pixels = np.stack([columns, rows], 1)
        if self.max_points is not None and len(pixels) > self.max_points:
            pixels = pixels[rng.choice(len(pixels), self.max_points, replace=False)]
        return Prompt.points(pixels) if len(pixels) else nowhere()


class Canvas:
    """The pixels drawn on so far.

    Args:
        height: pixels.
        width: pixels.
    """

    def __init__(self, height: int, width: int) -> None:
        from PIL import Image, ImageDraw

        self._image = Image.new("L", (width, height))
        self._pen = ImageDraw.Draw(self._image)

    def draw(self, vertices: NDArray[np.int64], width: int) -> None:
        """A stroke: straight lines between vertices [n, 2], and a dot of radius floor(width / 2) - 1 on each."""
        points = [(int(x), int(y)) for x, y in vertices.tolist()]
        self._pen.line(points, fill=1, width=width)
        radius = width // 2 - 1
        for x, y in points:
            self._pen.ellipse((x - radius, y - radius, x + radius, y + radius), fill=1)

    def pixels(self) -> NDArray[np.bool_]:
        """The pixels drawn on, [H, W]."""
        return np.asarray(self._image, bool)
