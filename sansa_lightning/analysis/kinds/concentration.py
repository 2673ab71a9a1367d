"""How many components the classes need: nearest centroids in the first components (SANSA, Figure 8a)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from sansa_lightning.analysis.contract import Analysis, Findings
from sansa_lightning.analysis.examples import examples, object_vectors
from sansa_lightning.analysis.sides import feature_sides
from sansa_lightning.data.datamodule import EpisodeDataModule
from sansa_lightning.encoders.tracker_features import EncoderPlace
from sansa_lightning.figures.plots import curves_plot
from sansa_lightning.model import FewShotModel
from sansa_lightning.strategies.checks import check_whole

STEPS = (2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256, 350, 450)
"""Numbers of components at which accuracy is measured, as far as there are so many."""

ENOUGH = 0.95
"""Share of the full accuracy at which components count as enough."""


@dataclass(frozen=True)
class Concentration(Analysis):
    """In how few directions do the classes differ?

    Attributes:
        place: of the features.
        images: of each class, each with one object feature; at least 2. The first half makes components and centroids.
    """

    question: ClassVar[str] = "In how few principal components do the features tell the classes apart?"
    place: EncoderPlace = "neck"
    images: int = 48

    def __post_init__(self) -> None:
        """Check the number.

        Raises:
            ValueError: it is too small.
        """
        check_whole(self.images, "analysis.images", least=2, what="images")

    def run(self, model: FewShotModel, data: EpisodeDataModule) -> Findings:
        """See :meth:`Analysis.run`.

        Raises:
            ValueError: there are fewer than two classes with two images.
        """
        objects = examples(data, self.images)
        labels = np.asarray([each.class_id for each in objects])
        known = first_halves(labels)
        numbers: dict[str, Any] = {"objects": [int(known.sum()), int((~known).sum())], "chance": 1 / len(set(labels))}
        curves: dict[str, tuple[Sequence[float], Sequence[float]]] = {}
        for side, encoder in feature_sides(model, self.place).items():
            vectors = object_vectors(encoder, model.base, objects)
            numbers[side] = found = accuracies(vectors[known], labels[known], vectors[~known], labels[~known])
            curves[side] = (found["components"], found["normalised"])
        plot = curves_plot(curves, "nearest centroid", "components kept", "accuracy / accuracy with all", log=True)
        return Findings(numbers, {"accuracy": plot})


def first_halves(labels: NDArray[np.integer]) -> NDArray[np.bool_]:
    """Which objects make the centroids: the first half of those of each class, bool [n].

    Raises:
        ValueError: fewer than two classes have two objects.
    """
    order = np.asarray([int((labels[:place] == label).sum()) for place, label in enumerate(labels)])
    counts = np.asarray([int((labels == label).sum()) for label in labels])
    if len(np.unique(labels[counts > 1])) < 2 or (counts < 2).any():
        msg = f"concentration: expected two classes of at least two images, but got {len(np.unique(labels))} classes"
        raise ValueError(msg)
    return np.asarray(order < counts // 2)


def accuracies(
    known: NDArray[np.float64],
    known_labels: NDArray[np.integer],
    asked: NDArray[np.float64],
    asked_labels: NDArray[np.integer],
) -> dict[str, Any]:
    """Shares of objects whose nearest class centroid is their own, by the number of components kept.

    Args:
        known: features that make components and centroids, [n, C].
        known_labels: their classes, int [n].
        asked: features to assign, [m, C].
        asked_labels: their classes, int [m].

    Returns:
        ``components`` kept; ``accuracy`` and ``normalised``, the same by the accuracy with all; ``enough``, the first
        number of components with ``ENOUGH`` of it; ``area`` under the normalised curve over the logarithm of the
        number.
    """
    from scipy.integrate import trapezoid
    from sklearn.decomposition import PCA
    from sklearn.neighbors import NearestCentroid

    fitted = PCA(svd_solver="full").fit(known)
    most = min(known.shape[0] - 1, known.shape[1])
    kept = [step for step in STEPS if step < most] + [most]
    ours, theirs = fitted.transform(known), fitted.transform(asked)
    found = [float(NearestCentroid().fit(ours[:, :k], known_labels).score(theirs[:, :k], asked_labels)) for k in kept]
    normalised = [share / max(found[-1], 1e-12) for share in found]
    enough = next(k for k, share in zip(kept, normalised, strict=True) if share >= ENOUGH)
    span = np.log(kept[-1]) - np.log(kept[0])
    area = float(trapezoid(normalised, np.log(kept)) / span) if span > 0 else 1.0
    return {"components": kept, "accuracy": found, "normalised": normalised, "enough": enough, "area": area}
