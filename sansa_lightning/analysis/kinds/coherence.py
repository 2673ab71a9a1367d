"""How smooth the matching between two images is: the gradient of the displacement field (SANSA, Table 12)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice, pairwise
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from sansa_lightning.analysis.contract import Analysis, Findings
from sansa_lightning.analysis.examples import examples, maps_of, on_object
from sansa_lightning.analysis.sides import feature_sides
from sansa_lightning.analysis.videos import Filmed, videos
from sansa_lightning.data.datamodule import EpisodeDataModule
from sansa_lightning.encoders.tracker_features import EncoderPlace, TrackerFeatures
from sansa_lightning.figures.plots import bars_plot
from sansa_lightning.images.pictures import to_frame
from sansa_lightning.model import FewShotModel
from sansa_lightning.strategies.checks import check_whole
from sansa_lightning.trackers.base import Tracker

CONSECUTIVE, FLIPPED, INDEPENDENT = "consecutive", "flipped", "independent"
"""Pairs of frames of a video, the same with the second one mirrored, and pairs of images of a class."""

PERFECT = {CONSECUTIVE: 0.0, FLIPPED: 2.0}
"""The gradient where matching is perfect and nothing moves: mirroring alone shifts neighbours two cells apart."""


class View(NamedTuple):
    """A picture, uint8 [3, S, S], and the mask of an object, bool [S, S]."""

    image: Tensor
    mask: Tensor


@dataclass(frozen=True)
class Coherence(Analysis):
    """Do neighbours match neighbours?

    Attributes:
        place: of the features.
        davis: folder in the layout of DAVIS; None for moving patterns.
        split: its list of videos.
        clips: number of videos, at most.
        pairs: of consecutive frames of each.
        images: of each class; those next to each other are the independent pairs.
    """

    question: ClassVar[str] = "Do neighbouring cells of an object match neighbouring cells of another view of it?"
    place: EncoderPlace = "neck"
    davis: Path | None = None
    split: str = "val"
    clips: int = 20
    pairs: int = 4
    images: int = 8

    def __post_init__(self) -> None:
        """Check the numbers.

        Raises:
            ValueError: one is too small.
        """
        check_whole(self.clips, "analysis.clips", what="clip")
        check_whole(self.pairs, "analysis.pairs", what="pair")
        check_whole(self.images, "analysis.images", least=2, what="images")

    def run(self, model: FewShotModel, data: EpisodeDataModule) -> Findings:
        """See :meth:`Analysis.run`; consecutive frames come from the videos, independent images from the data."""
        size = model.base.clip_size
        filmed = videos(self.davis, self.split, self.clips, self.pairs + 1)[: self.clips]
        shown = examples(data, self.images)
        views = [View(each.image, each.mask) for each in shown]
        numbers: dict[str, Any] = {"perfect": PERFECT}
        for side, encoder in feature_sides(model, self.place).items():
            found: dict[str, list[float]] = {CONSECUTIVE: [], FLIPPED: [], INDEPENDENT: []}
            for first, second in (pair for video in filmed for pair in consecutive(video, self.pairs, size)):
                found[CONSECUTIVE] += gradient_of(encoder, model.base, first, second)
                found[FLIPPED] += gradient_of(encoder, model.base, first, mirrored(second))
            for (one, first), (two, second) in pairwise(zip(shown, views, strict=True)):
                if one.class_id == two.class_id:
                    found[INDEPENDENT] += gradient_of(encoder, model.base, first, second)
            numbers[side] = {kind: _summary(values) for kind, values in found.items()}
        bars = {kind: {s: numbers[s][kind]["gradient"] for s in numbers if s != "perfect"} for kind in found}
        return Findings(numbers, {"gradients": bars_plot({"lower is smoother": bars}, "gradient, cells per cell")})


def consecutive(video: Filmed, pairs: int, size: int) -> Iterator[tuple[View, View]]:
    """The first pairs of consecutive frames of a video in which an object is seen, squashed to a square."""
    views = (
        View(
            to_frame(image, size),
            F.interpolate(torch.from_numpy(objects > 0)[None, None].float(), (size, size))[0, 0] > 0,
        )
        for image, objects in video
    )
    yield from islice(((one, two) for one, two in pairwise(views) if one.mask.any() and two.mask.any()), pairs)


def mirrored(view: View) -> View:
    """The view with left and right exchanged."""
    return View(view.image.flip(-1), view.mask.flip(-1))


def gradient_of(encoder: TrackerFeatures, tracker: Tracker, first: View, second: View) -> list[float]:
    """The mean gradient of the displacements from one object to another; empty if the object is too small for one."""
    one, two = maps_of(encoder, tracker, [first.image, second.image])
    grid = (one.shape[1], one.shape[2])
    inside = on_object(first.mask, grid)
    value = smoothness(displacements(one, two, on_object(second.mask, grid)), inside)
    return [] if value is None else [value]


def displacements(first: Tensor, second: Tensor, allowed: Tensor) -> Tensor:
    """Where the most similar cell of another map lies, seen from each cell, float32 [2, h, w]: right and down.

    Args:
        first: features, float32 [C, h, w].
        second: likewise; similarity is the cosine.
        allowed: cells of ``second`` that can be matched, bool [h, w], at least one.
    """
    height, width = allowed.shape
    unit = F.normalize(second.flatten(1), dim=0)[:, allowed.flatten()]
    best = (F.normalize(first.flatten(1), dim=0).T @ unit).argmax(1)
    match = allowed.flatten().nonzero()[:, 0][best].unflatten(0, (height, width))
    y, x = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    return torch.stack([match % width - x, match // width - y]).float()


def smoothness(field: Tensor, inside: Tensor) -> float | None:
    """The mean first-order gradient of a displacement field on an object: the norm of its four forward differences.

    Args:
        field: float32 [2, h, w], in cells.
        inside: the object's cells, bool [h, w].

    Returns:
        Cells per cell; None if no cell has a right and a lower neighbour on the object.
    """
    there = inside[:-1, :-1] & inside[:-1, 1:] & inside[1:, :-1]
    if not there.any():
        return None
    across = field[:, :-1, 1:] - field[:, :-1, :-1]
    down = field[:, 1:, :-1] - field[:, :-1, :-1]
    return float(torch.cat([across, down]).square().sum(0).sqrt()[there].mean())


def _summary(values: list[float]) -> dict[str, Any]:
    return {"gradient": float(np.mean(values)) if values else None, "pairs": len(values)}
