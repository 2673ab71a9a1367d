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
    known, _ = first_halves(LABELS.tolist(), list(range(len(LABELS))))
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
    known, _ = first_halves(LABELS.tolist(), list(range(len(LABELS))))
    means = np.stack([vectors[known & (c == LABELS)].mean(0) for c in range(3)])
    distances = ((vectors[~known][:, None] - means) ** 2).sum(-1)
    assert found(vectors)["accuracy"][-1] == pytest.approx((distances.argmin(1) == LABELS[~known]).mean())


def test_halves_are_of_each_class():
    halves, left_out = first_halves([5, 5, 7, 7, 7, 5], [1, 2, 3, 4, 5, 6])
    assert halves.tolist() == [True, False, True, False, False, False]
    assert left_out == []
    with pytest.raises(ValueError, match=r"of 2 classes only 1 can be halved"):
        first_halves([5, 5, 7], [1, 2, 3])
    with pytest.raises(ValueError, match=r"analysis\.images"):
        Concentration(images=1)


def test_a_small_class_is_left_out_and_the_others_are_halved():
    halves, left_out = first_halves([5, 5, 7, 9, 9], [1, 2, 3, 4, 5])
    assert left_out == [7]
    assert halves.tolist()[:2] == halves.tolist()[3:] == [True, False]


def test_halves_share_no_image():
    rng = np.random.default_rng(0)
    keys = [int(key) for _ in range(6) for key in rng.choice(30, 12, replace=False)]
    halves, _ = first_halves(list(np.arange(6).repeat(12)), keys)
    first, second = ({key for key, half in zip(keys, halves, strict=True) if half == side} for side in (True, False))
    assert first
    assert second
    assert not first & second
    halves, left_out = first_halves([5, 5, 7, 7, 9, 9], [1, 2, 1, 2, 1, 3])
    assert (halves.tolist(), left_out) == ([True, False, True, False, True, False], [])
