"""Strokes of scribbles against docs/sansa.md 5: how far they are moved, and how large the dots on them are."""

from __future__ import annotations

import numpy as np
import pytest

from sansa_lightning.data.prompts.scribbles import BRUSHES, Canvas


def end_of_stroke(rng: np.random.Generator, std: float, jitter: list[int], draws: int) -> np.ndarray:
    """How far a first vertex lies from where the stroke began, as docs/sansa.md 5 says: moved once with the stroke by
    int(|N(0, std)| cos), and in half of the strokes by one of ``jitter`` as well."""
    shift = (np.abs(rng.normal(0, std, draws)) * np.cos(rng.uniform(0, 2 * np.pi, draws))).astype(int)
    return shift + rng.choice(jitter, draws) * rng.integers(0, 2, draws)


class TestStrokes:
    """The numbers are those of docs/sansa.md 5, and none of the code's own."""

    @pytest.mark.parametrize(("name", "std", "jitter"), [("wide", 3.0, [-3, -2, -1, 0, 1, 2]), ("small", 1.5, [-1, 0])])
    def test_strokes_end_up_as_far_from_their_start_as_published(self, name, std, jitter):
        rng = np.random.default_rng(11)
        starts = [BRUSHES[name].stroke(np.array([500, 500]), rng)[0] - 500 for _ in range(4000)]
        expected = end_of_stroke(rng, std, jitter, 400_000)
        # Beyond the last of these values there are less than 1 in 100.
        lowest, highest = np.quantile(expected, [0.01, 0.99]).astype(int).tolist()
        values = range(lowest, highest + 1)
        shares = np.array([(expected == value).mean() for value in values])
        for axis in np.array(starts).T:
            counts = np.array([(axis == value).sum() for value in values])
            chi = ((counts - len(axis) * shares) ** 2 / (len(axis) * shares)).sum()
            assert chi < {"wide": 45, "small": 35}[name]  # 12 and 6 values; a stroke of odd length moves less than half
        assert np.std(starts) == pytest.approx(expected.std(), rel=0.04)

    @pytest.mark.parametrize(("width", "across"), [(2, 1), (3, 1), (4, 3), (5, 3), (6, 5), (7, 5), (8, 7), (9, 7)])
    def test_a_dot_has_a_radius_of_half_the_width_less_one(self, width, across):
        """floor(w / 2) - 1 on either side of its middle, so that dots do not stand out from the line."""
        dot, line = Canvas(41, 41), Canvas(41, 81)
        dot.draw(np.array([[20, 20]]), width)
        if across == 1:  # a point, which the line covers wherever it has a length
            assert dot.pixels().sum() <= 1
        else:
            rows, columns = np.nonzero(dot.pixels())
            assert (rows.min(), columns.min()) == (20 - across // 2, 20 - across // 2)
            assert (np.ptp(rows) + 1, np.ptp(columns) + 1) == (across, across)
        line.draw(np.array([[20, 20], [40, 20], [60, 20]]), width)
        assert line.pixels().any(1).sum() == width
        assert line.pixels().any(0).sum() <= 41 + 2 * (across // 2)
