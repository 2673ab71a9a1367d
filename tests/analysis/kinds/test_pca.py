"""Principal components: planted classes and planted components are found."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from sansa_lightning.analysis.examples import Example
from sansa_lightning.analysis.kinds.pca import Pca, coloured_maps, plane

RNG = np.random.default_rng(0)
LABELS = np.repeat(np.arange(4), 25)


def planted(apart: float) -> np.ndarray:
    """Classes whose means lie ``apart`` from each other, in 10 dimensions with noise of 1."""
    return np.eye(4, 10)[LABELS] * apart + np.random.default_rng(1).normal(size=(100, 10))


def test_shares_of_variance_are_those_of_the_singular_values():
    vectors = planted(3.0)
    values = np.linalg.svd(vectors - vectors.mean(0), compute_uv=False) ** 2
    found = plane(vectors, LABELS)
    assert found.numbers["variance"] == pytest.approx(values[:3] / values.sum())
    assert found.points.var(0) * 100 == pytest.approx(values[:2])


def test_silhouettes_tell_planted_classes_from_none():
    apart, together = plane(planted(40.0), LABELS), plane(planted(0.0), LABELS)
    assert apart.numbers["silhouette"] > 0.85
    assert apart.numbers["silhouette_in_plane"] > apart.numbers["silhouette"] - 0.3
    assert together.numbers["silhouette"] < 0.05
    assert plane(planted(1.0), np.zeros(100, int)).numbers["silhouette"] is None


def test_equal_features_have_equal_colours_in_every_map():
    parts = torch.from_numpy(RNG.normal(size=(3, 16))).float() * 5
    layouts = [torch.from_numpy(RNG.integers(0, 3, (6, 6))) for _ in range(2)]
    maps = [parts[layout].movedim(-1, 0) for layout in layouts]
    full = torch.ones(12, 12, dtype=torch.bool)
    shown = [Example(0, "k", torch.zeros(3, 12, 12, dtype=torch.uint8), full)] * 2
    first, second = coloured_maps(maps, shown)
    for part in range(3):
        colours = torch.cat([first[layouts[0] == part], second[layouts[1] == part]]).unique(dim=0)
        assert len(colours) == 1
    assert len(torch.cat([first.flatten(0, 1), second.flatten(0, 1)]).unique(dim=0)) == 3


@pytest.mark.parametrize("wrong", [{"images": 1}, {"shown": 0}])
def test_wrong_options_are_refused(wrong):
    with pytest.raises(ValueError, match=r"analysis\."):
        Pca(**wrong)
