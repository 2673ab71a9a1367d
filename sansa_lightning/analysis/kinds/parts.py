"""Parts of objects: clusters of an object's cells, matched between the objects of a class (SANSA, Figure 4c)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any, ClassVar, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from sansa_lightning.analysis.contract import Analysis, Findings
from sansa_lightning.analysis.examples import Example, examples, maps_of, on_object
from sansa_lightning.analysis.sides import feature_sides
from sansa_lightning.data.datamodule import EpisodeDataModule
from sansa_lightning.encoders.tracker_features import EncoderPlace
from sansa_lightning.figures.overlays import pixels
from sansa_lightning.figures.sheets import Panel, sheet, with_parts
from sansa_lightning.model import FewShotModel
from sansa_lightning.strategies.checks import check_whole


class Clusters(NamedTuple):
    """The parts of one object.

    Attributes:
        parts: int64 [h, w], -1 outside the object.
        centroids: float64 [k, C].
    """

    parts: Tensor
    centroids: NDArray[np.float64]


@dataclass(frozen=True)
class Parts(Analysis):
    """Do parts of an object have the features of the same parts of another object?

    Attributes:
        place: of the features.
        parts: of each object, at least 2.
        images: of each class, at least 3.
    """

    question: ClassVar[str] = "Do the parts of an object find the same parts in other objects of its class?"
    place: EncoderPlace = "neck"
    parts: int = 4
    images: int = 4

    def __post_init__(self) -> None:
        """Check the numbers.

        Raises:
            ValueError: one is too small.
        """
        check_whole(self.parts, "analysis.parts", least=2, what="parts")
        check_whole(self.images, "analysis.images", least=3, what="images")

    def run(self, model: FewShotModel, data: EpisodeDataModule) -> Findings:
        """See :meth:`Analysis.run`.

        Raises:
            ValueError: no class has three objects of enough cells.
        """
        shown = examples(data, self.images)
        numbers: dict[str, Any] = {"parts": self.parts, "chance": 1 / self.parts}
        columns: dict[str, dict[int, Tensor]] = {}
        for side, encoder in feature_sides(model, self.place).items():
            maps = maps_of(encoder, model.base, [each.image for each in shown])
            found = {
                place: clusters(m, each.mask, self.parts)
                for place, (m, each) in enumerate(zip(maps, shown, strict=True))
            }
            groups = [
                {place: one for place, one in found.items() if one and shown[place].class_id == c}
                for c in data.test_classes
            ]
            groups = [group for group in groups if len(group) > 2]
            if not groups:
                msg = f"parts: expected three objects of a class with {self.parts} cells each, but found fewer"
                raise ValueError(msg)
            numbers[side] = _mean([agreement([one.centroids for one in group.values()]) for group in groups])
            columns[side] = {place: part for group in groups for place, part in renamed(group).items()}
        return Findings(numbers, {"parts": _sheet(shown, columns, data.class_names)})


def clusters(features: Tensor, mask: Tensor, parts: int) -> Clusters | None:
    """The parts of an object: clusters of its cells' directions, the same each time; None if it has too few cells.

    Args:
        features: float32 [C, h, w].
        mask: bool [H, W].
        parts: number of clusters.
    """
    from sklearn.cluster import KMeans

    inside = on_object(mask, (features.shape[1], features.shape[2]))
    cells = torch.nn.functional.normalize(features[:, inside].T, dim=1).double().numpy()
    if len(np.unique(cells, axis=0)) < parts:
        return None
    fitted = KMeans(parts, n_init=4, random_state=0).fit(cells)
    found = torch.full(inside.shape, -1, dtype=torch.int64)
    found[inside] = torch.from_numpy(fitted.labels_.astype(np.int64))
    return Clusters(found, fitted.cluster_centers_)


def matched(first: NDArray[np.float64], second: NDArray[np.float64]) -> NDArray[np.int64]:
    """The part of another object that belongs to each part of one: the assignment of the highest total cosine.

    Args:
        first: centroids, float64 [k, C].
        second: likewise.
    """
    from scipy.optimize import linear_sum_assignment

    return np.asarray(linear_sum_assignment(-cosines(first, second))[1])


def cosines(first: NDArray[np.float64], second: NDArray[np.float64]) -> NDArray[np.float64]:
    """Of each pair of rows, float64 [k, k]."""
    one, two = (each / np.linalg.norm(each, axis=1, keepdims=True).clip(1e-12) for each in (first, second))
    return np.asarray(one @ two.T)


def agreement(centroids: Sequence[NDArray[np.float64]]) -> dict[str, float]:
    """How well the parts of objects agree.

    Args:
        centroids: float64 [k, C] of each of at least three objects.

    Returns:
        ``cycle``: the share of parts that come back to themselves over two other objects, in [0, 1]; 1 / k by chance.
        ``margin``: mean cosine of matched parts minus that of the others.
    """
    count = len(centroids[0])
    ways = {(a, b): matched(centroids[a], centroids[b]) for a, b in combinations(range(len(centroids)), 2)}
    around = [(ways[b, c][ways[a, b]] == ways[a, c]).mean() for a, b, c in combinations(range(len(centroids)), 3)]
    margins = []
    for (a, b), way in ways.items():
        own = np.zeros((count, count), bool)
        own[np.arange(count), way] = True
        every = cosines(centroids[a], centroids[b])
        margins.append(every[own].mean() - every[~own].mean())
    return {"cycle": float(np.mean(around)), "margin": float(np.mean(margins))}


def renamed(group: Mapping[int, Clusters]) -> dict[int, Tensor]:
    """The parts of each object of a class, numbered as those of the first one that they match."""
    first = next(iter(group.values())).centroids
    found = {}
    for place, one in group.items():
        names = torch.from_numpy(matched(one.centroids, first))
        found[place] = torch.where(one.parts >= 0, names[one.parts.clamp(min=0)], -1)
    return found


def _mean(found: Sequence[Mapping[str, float]]) -> dict[str, float]:
    return {name: float(np.mean([each[name] for each in found])) for name in found[0]}


def _sheet(
    shown: Sequence[Example], columns: Mapping[str, Mapping[int, Tensor]], names: Mapping[int, str]
) -> Image.Image:
    """A row for each object: the image, and its parts on each side; equal colours in a class are matched parts."""
    rows: list[list[Panel]] = []
    for place, each in enumerate(shown):
        if all(place in column for column in columns.values()):
            painted = [(side, with_parts(each.image, column[place])) for side, column in columns.items()]
            rows.append([(names[each.class_id], pixels(each.image)), *painted])
    return sheet(rows) if rows else Image.new("RGB", (1, 1), "white")
