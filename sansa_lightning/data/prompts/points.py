"""Clicks."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sansa_lightning.clips.prompt import Prompt
from sansa_lightning.data.prompts.base import Prompter, nowhere, numpy_randomness


class PointPrompt(Prompter):
    """Clicks on distinct random pixels of the foreground, ``least`` to ``most`` of them, each number equally likely.

    A smaller foreground is clicked on each pixel at most once. As published: 1 to 20 in training, and 20, or
    ``PointPrompt(least=20)``, in evaluation. Coordinates are whole pixels, without a shift to their centres
    (docs/sansa.md 5).

    Args:
        least: fewest clicks, at least 1.
        most: most clicks, at least ``least``.
    """

    def __init__(self, least: int = 1, most: int = 20) -> None:
        self.least, self.most = number_range("PointPrompt", least, most)

    def __call__(self, mask: Tensor, generator: torch.Generator) -> Prompt:
        """Positive clicks; one at (0, 0) if there is no foreground."""
        pixels = draw_pixels(mask, self.least, self.most, numpy_randomness(generator))
        return Prompt.points(pixels) if len(pixels) else nowhere()


def number_range(owner: str, least: int, most: int) -> tuple[int, int]:
    """``least`` and ``most``, checked.

    Raises:
        ValueError: not 1 <= least <= most.
    """
    if not 1 <= least <= most:
        msg = f"{owner}: expected 1 <= least <= most, but got least {least} and most {most}"
        raise ValueError(msg)
    return least, most


def draw_pixels(mask: Tensor, least: int, most: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Distinct pixels of the foreground; their number is uniform in {least .. most}, as far as the area allows.

    Returns:
        (x, y) of each, [n, 2]; none if there is no foreground.
    """
    foreground = torch.nonzero(mask.flatten() == 1).flatten().numpy()
    most = min(most, len(foreground))
    number = int(rng.integers(min(least, most), most + 1))
    rows, columns = np.divmod(foreground[rng.choice(len(foreground), number, replace=False)], mask.shape[1])
    return np.stack([columns, rows], 1)
