"""Classes planted in few directions need few components, classes planted beneath the noise need many."""

from __future__ import annotations

import numpy as np
import pytest

from sansa_lightning.analysis.kinds.concentration import Concentration, accuracies, first_halves

LABELS = np.tile(np.arange(3), 40)


def planted(directions: slice, loudness: float) -> np.ndarray:
    """Noise of 1 to 3 by direction in 20 dimensions; the class lies in some of them."""
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(120, 20)) * np.linspace(3, 1, 20)
    vectors[:, directions] += np.eye(3)[LABELS] * loudness
    return vectors


def found(vectors: np.ndarray) -> dict:
    known = first_halves(LABELS)
    return accuracies(vectors[known], LABELS[known], vectors[~known], LABELS[~known])


def test_the_first_directions_are_enough_for_classes_in_them():
    loud = found(planted(slice(0, 3), 60.0))
    assert loud["components"] == [2, 3, 4, 6, 8, 12, 16, 20]
    assert (loud["accuracy"][0], loud["normalised"][0], loud["enough"], loud["area"]) == (1.0, 1.0, 2, 1.0)


def test_classes_in_the_last_directions_need_them():
    faint = found(planted(slice(17, 20), 8.0))
    assert faint["accuracy"][-1] > 0.95
    quiet = found(planted(slice(17, 20), 3.5))
    assert quiet["enough"] > 2
    assert quiet["area"] < found(planted(slice(0, 3), 60.0))["area"]


def test_is_the_nearest_mean_by_hand():
    vectors = planted(slice(5, 8), 4.0)
    known = first_halves(LABELS)
    means = np.stack([vectors[known & (c == LABELS)].mean(0) for c in range(3)])
    distances = ((vectors[~known][:, None] - means) ** 2).sum(-1)
    assert found(vectors)["accuracy"][-1] == pytest.approx((distances.argmin(1) == LABELS[~known]).mean())


def test_halves_are_of_each_class():
    halves = first_halves(np.asarray([5, 5, 7, 7, 7, 5]))
    assert halves.tolist() == [True, False, True, False, False, False]
    with pytest.raises(ValueError, match="two classes of at least two"):
        first_halves(np.asarray([5, 5, 7]))
    with pytest.raises(ValueError, match=r"analysis\.images"):
        Concentration(images=1)
