"""The principal components of object features by class, and of feature maps as colours (SANSA, Figures 2, 4 and 8)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from sansa_lightning.analysis.contract import Analysis, Findings
from sansa_lightning.analysis.examples import Example, examples, maps_of, object_vectors, on_object
from sansa_lightning.analysis.sides import feature_sides
from sansa_lightning.data.datamodule import EpisodeDataModule
from sansa_lightning.encoders.tracker_features import EncoderPlace
from sansa_lightning.figures.overlays import pixels
from sansa_lightning.figures.plots import points_plot
from sansa_lightning.figures.sheets import Panel, as_colours, sheet
from sansa_lightning.model import FewShotModel
from sansa_lightning.strategies.checks import check_whole

OUTLIERS = 2.0
"""Per cent of cells at either end of a component that get the end's colour."""


@dataclass(frozen=True)
class Pca(Analysis):
    """Do features group objects by class?

    Attributes:
        place: of the features.
        images: of each class, each with one object feature; at least 2.
        shown: of each class on the sheet of coloured maps.
    """

    question: ClassVar[str] = "Do the features of objects group by class, and do similar parts get similar features?"
    place: EncoderPlace = "neck"
    images: int = 24
    shown: int = 2

    def __post_init__(self) -> None:
        """Check the numbers.

        Raises:
            ValueError: one is out of its range.
        """
        check_whole(self.images, "analysis.images", least=2, what="image")
        check_whole(self.shown, "analysis.shown", what="image")

    def run(self, model: FewShotModel, data: EpisodeDataModule) -> Findings:
        """See :meth:`Analysis.run`."""
        objects = examples(data, self.images)
        labels = np.asarray([each.class_id for each in objects])
        few = [each for c in data.test_classes for each in [o for o in objects if o.class_id == c][: self.shown]]
        numbers: dict[str, Any] = {"objects": len(objects), "classes": len(set(labels.tolist()))}
        planes, columns = {}, {}
        for side, encoder in feature_sides(model, self.place).items():
            found = plane(object_vectors(encoder, model.base, objects), labels)
            numbers[side], planes[side] = found.numbers, found.points
            columns[side] = coloured_maps(list(maps_of(encoder, model.base, [e.image for e in few])), few)
        figures = {
            "classes": points_plot(planes, labels.tolist(), data.class_names),
            "maps": map_sheet(few, columns, data.class_names),
        }
        return Findings(numbers, figures)


@dataclass(frozen=True)
class Plane:
    """Objects in the plane of the first two components.

    Attributes:
        points: float64 [n, 2].
        numbers: shares of the variance, and silhouettes of the classes.
    """

    points: NDArray[np.float64]
    numbers: Mapping[str, Any]


def plane(vectors: NDArray[np.float64], labels: NDArray[np.integer]) -> Plane:
    """The first two components of object features.

    The silhouette is near 1 if each object is closer to its class than to any other, 0 if classes overlap.

    Args:
        vectors: [n, C].
        labels: class of each, int [n], of at least two classes for a silhouette.
    """
    from sklearn.decomposition import PCA
    from sklearn.metrics import silhouette_score

    fitted = PCA(min(3, *vectors.shape), svd_solver="full")
    points = fitted.fit_transform(vectors)
    several = 1 < len(np.unique(labels)) < len(labels)
    numbers = {
        "variance": [float(share) for share in fitted.explained_variance_ratio_],
        "silhouette": float(silhouette_score(vectors, labels)) if several else None,
        "silhouette_in_plane": float(silhouette_score(points[:, :2], labels)) if several else None,
    }
    return Plane(np.pad(points[:, :2], ((0, 0), (0, max(0, 2 - points.shape[1])))), numbers)


def coloured_maps(maps: Sequence[Tensor], shown: Sequence[Example]) -> list[Tensor]:
    """Feature maps in the colours of three components, the same ones for all: those of all objects' cells.

    Args:
        maps: float32 [C, h, w] of each example.
        shown: the examples.

    Returns:
        uint8 [h, w, 3] of each.
    """
    from sklearn.decomposition import PCA

    grid = (maps[0].shape[1], maps[0].shape[2])
    cells = torch.cat([m[:, on_object(e.mask, grid)] for m, e in zip(maps, shown, strict=True)], dim=1).T.numpy()
    count = min(3, *cells.shape)
    basis = PCA(count, svd_solver="full").fit(cells)
    ends = np.percentile(basis.transform(cells), [OUTLIERS, 100 - OUTLIERS], axis=0)
    found = []
    for features in maps:
        components = basis.transform(features.flatten(1).T.numpy()).reshape(*grid, count)
        padding = ((0, 0), (0, 0), (0, 3 - count))
        lowest, highest = (np.pad(end, (0, 3 - count)) for end in ends)
        found.append(as_colours(np.pad(components, padding), lowest, highest))
    return found


def map_sheet(
    shown: Sequence[Example], columns: Mapping[str, Sequence[Tensor]], names: Mapping[int, str]
) -> Image.Image:
    """Examples one below the other: the image, and the map of each side, dark outside the object."""
    rows: list[list[Panel]] = []
    for place, each in enumerate(shown):
        row = [(names[each.class_id], pixels(each.image))]
        for side, pictures in columns.items():
            grid = (pictures[place].shape[0], pictures[place].shape[1])
            inside = on_object(each.mask, grid)[..., None]
            row.append((side, torch.where(inside, pictures[place], pictures[place] // 3)))
        rows.append(row)
    return sheet(rows)
