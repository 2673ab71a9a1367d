"""How many components the classes need: nearest centroids in the first components (SANSA, Figure 8a)."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from sansa_lightning.analysis.contract import Analysis, Findings
from sansa_lightning.analysis.examples import examples, object_vectors
from sansa_lightning.analysis.sides import feature_sides
from sansa_lightning.clips.episode import ClassId, ImageKey
from sansa_lightning.data.datamodule import EpisodeDataModule
from sansa_lightning.encoders.tracker_features import EncoderPlace
from sansa_lightning.figures.plots import curves_plot
from sansa_lightning.files.messages import counted
from sansa_lightning.model import FewShotModel
from sansa_lightning.strategies.checks import check_whole

log = logging.getLogger(__name__)

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
            ValueError: there are fewer than two classes with two images; smaller classes are left out.
        """
        shown = examples(data, self.images)
        halves, left_out = first_halves([each.class_id for each in shown], [each.key for each in shown])
        objects = [each for each in shown if each.class_id not in left_out]
        known = np.asarray([half for half, each in zip(halves, shown, strict=True) if each.class_id not in left_out])
        labels = np.asarray([each.class_id for each in objects])
        names = [data.class_names[class_id] for class_id in left_out]
        if names:
            log.warning("left out, with too few images of their own for two halves: %s", ", ".join(names))
        numbers: dict[str, Any] = {"objects": [int(known.sum()), int((~known).sum())], "chance": 1 / len(set(labels))}
        numbers["left_out"] = names
        curves: dict[str, tuple[Sequence[float], Sequence[float]]] = {}
        for side, encoder in feature_sides(model, self.place).items():
            vectors = object_vectors(encoder, model.base, objects)
            numbers[side] = found = accuracies(vectors[known], labels[known], vectors[~known], labels[~known])
            curves[side] = (found["components"], found["normalised"])
        plot = curves_plot(curves, "nearest centroid", "components kept", "accuracy / accuracy with all", log=True)
        return Findings(numbers, {"accuracy": plot})


def first_halves(classes: Sequence[ClassId], keys: Sequence[ImageKey]) -> tuple[NDArray[np.bool_], list[ClassId]]:
    """Which objects make the centroids: the first half of each class, as far as its images are not of the other half.

    An image that shows several classes is in one half for all of them, so that the halves share no image.

    Args:
        classes: of the objects.
        keys: of their images.

    Returns:
        Bool [n], and the classes that have no object in one of the halves, in the order of their objects.

    Raises:
        ValueError: fewer than two classes are in both.
    """
    first: dict[ImageKey, bool] = {}
    images = _images(classes, keys)
    for own in images.values():
        for key in own:
            first.setdefault(key, sum(first.get(each, False) for each in own) < len(own) // 2)
    halves = {class_id: {first[key] for key in own} for class_id, own in images.items()}
    left_out = [class_id for class_id, found in halves.items() if len(found) < 2]
    if len(halves) - len(left_out) < 2:
        msg = (
            f"concentration: expected at least two classes with two images that no other class has taken, but of "
            f"{counted(len(halves), 'class', 'classes')} only {len(halves) - len(left_out)} can be halved"
        )
        raise ValueError(msg)
    return np.asarray([first[key] for key in keys]), left_out


def _images(classes: Sequence[ClassId], keys: Sequence[ImageKey]) -> dict[ClassId, list[ImageKey]]:
    found: dict[ClassId, list[ImageKey]] = {}
    for class_id, key in zip(classes, keys, strict=True):
        found.setdefault(class_id, []).append(key)
    return found


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
