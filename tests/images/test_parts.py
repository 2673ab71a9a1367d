from __future__ import annotations

import numpy as np

from sansa_lightning.images.parts import connected_parts


def test_pixels_that_meet_by_a_corner_are_one_part():
    mask = np.array([[1, 0, 0, 1], [0, 1, 0, 0], [0, 0, 0, 1]], bool)
    numbers, count = connected_parts(mask)
    assert count == 3
    assert numbers.tolist() == [[1, 0, 0, 2], [0, 1, 0, 0], [0, 0, 0, 3]]
    assert connected_parts(mask[:0])[1] == connected_parts(~mask & mask)[1] == 0
