from __future__ import annotations

import numpy as np
import pytest

from sansa_lightning.data.patterns.draws import Draws
from sansa_lightning.data.patterns.silhouettes import DIRECTIONS, _polygon, silhouette, wobble


def test_every_silhouette_has_the_area_of_the_unit_circle() -> None:
    for address in range(50):
        reach = silhouette(Draws(0, 1, address))
        assert (reach * reach).mean() == pytest.approx(1, abs=1e-4)
        assert reach.min() > 0.1


def test_polygon_has_straight_sides() -> None:
    """In cartesian coordinates, all but the few rays next to a corner lie on a line with their neighbours."""
    for address in range(20):
        reach = _polygon(Draws(0, 2, address))
        turns = 2 * np.pi * np.arange(DIRECTIONS) / DIRECTIONS
        x, y = reach * np.cos(turns), reach * np.sin(turns)
        dx, dy = np.diff(x, append=x[0]), np.diff(y, append=y[0])
        bend = np.abs(dx * np.roll(dy, -1) - dy * np.roll(dx, -1)) / (np.hypot(dx, dy) ** 2)
        assert 3 <= (bend > 0.05).sum() <= 14


def test_silhouettes_differ() -> None:
    drawn = {silhouette(Draws(0, 1, address)).tobytes() for address in range(50)}
    assert len(drawn) == 50


def test_wobble_stretches_one_axis_and_presses_the_other() -> None:
    reach = wobble(np.ones(DIRECTIONS), 0.1, 0.0)
    quarter = DIRECTIONS // 4
    assert reach[[0, quarter, 2 * quarter, 3 * quarter]] == pytest.approx([1.1, 0.9, 1.1, 0.9])
    assert (wobble(reach, 0.0, 0.3) == reach).all()
