from __future__ import annotations

import colorsys

import numpy as np

from sansa_lightning.data.patterns.draws import Draws
from sansa_lightning.data.patterns.palettes import CONTRAST, palettes

DRAWN = palettes(Draws(0, 0), 2000)


def test_ground_is_darker_than_figure_by_the_stated_contrast() -> None:
    luma = DRAWN @ np.array([0.299, 0.587, 0.114])
    assert (luma[:, 1] - luma[:, 0]).min() > CONTRAST - 1.5


def test_colours_are_saturated() -> None:
    hsv = np.array([colorsys.rgb_to_hsv(*colour) for colour in (DRAWN.reshape(-1, 3) / 255).tolist()])
    assert hsv[:, 1].min() > 0.49
    assert hsv[:, 2].min() > 0.24


def test_hues_of_ground_and_figure_are_independent_but_for_luma() -> None:
    """Far from equal, as a palette of one hue would be."""
    hues = np.array([[colorsys.rgb_to_hsv(*colour)[0] for colour in pair] for pair in (DRAWN / 255).tolist()])
    apart = np.abs((hues[:, 0] - hues[:, 1] + 0.5) % 1 - 0.5)
    assert 0.2 < apart.mean() < 0.33


def test_palettes_do_not_repeat() -> None:
    assert len({palette.tobytes() for palette in DRAWN}) == 2000
