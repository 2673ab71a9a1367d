from __future__ import annotations

import numpy as np
import pytest

from sansa_lightning.data.patterns.canvas import Body, cover
from sansa_lightning.data.patterns.draws import Draws
from sansa_lightning.data.patterns.layout import AREA, SEEN, UNHIDDEN, arrange, instance_map, shown, throw
from sansa_lightning.data.patterns.silhouettes import DIRECTIONS


def test_later_objects_lie_on_top_and_shares_say_so() -> None:
    discs = [cover(100, Body(x, 50.0, 20.0, np.ones(DIRECTIONS), 0.0)) for x in (50.0, 70.0)]
    instances = instance_map(100, discs)
    whole = np.pi * 20**2
    lens = 2 * 400 * np.arccos(0.5) - 10 * np.sqrt(4 * 400 - 400)
    assert instances[50, 70] == 2
    assert instances[50, 62] == 2
    assert instances[50, 35] == 1
    seen, unhidden = shown(discs, instances)
    assert seen == pytest.approx([(whole - lens) / 1e4, whole / 1e4], rel=0.02)
    assert unhidden == pytest.approx([1 - lens / whole, 1], rel=0.02)


@pytest.mark.parametrize("count", [2, 3])
def test_everything_in_an_arrangement_can_be_seen(count: int) -> None:
    for address in range(40):
        bodies, coverages, instances = arrange(Draws(0, 0, address), 96, count)
        areas = [np.pi * (body.radius / 96) ** 2 for body in bodies]
        assert AREA[0] <= min(areas) <= max(areas) <= AREA[1]
        counts = np.bincount(instances.ravel(), minlength=count + 1)[1:]
        whole = np.array([coverage.inside.sum() for coverage in coverages])
        assert counts.min() >= SEEN * 96 * 96
        assert (counts / whole).min() >= UNHIDDEN


def test_objects_keep_apart_where_there_is_room() -> None:
    overlaps = []
    for address in range(60):
        a, b = throw(Draws(1, 0, address), 96, 2)
        overlaps.append(np.hypot(a.x - b.x, a.y - b.y) < 0.84 * (a.radius + b.radius))
    assert np.mean(overlaps) < 0.1


def test_too_many_objects_are_an_error() -> None:
    with pytest.raises(ValueError, match="expected a number of objects that fits into an image, but got 12"):
        arrange(Draws(0, 0), 64, 12)
