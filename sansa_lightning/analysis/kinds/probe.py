"""The linear probe at pixels: is what the adapter adds new, or only easier to reach? (SANSA, Figure 9)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from sansa_lightning.analysis.contract import Analysis, Findings
from sansa_lightning.analysis.episodes import few_shot_mious
from sansa_lightning.analysis.examples import maps_of
from sansa_lightning.analysis.linear_probe import probe_pool, split_samples
from sansa_lightning.analysis.probe import PURE, LinearClassifier
from sansa_lightning.analysis.sides import feature_sides
from sansa_lightning.clips.episode import ClassId, ImageKey
from sansa_lightning.data.datamodule import EpisodeDataModule
from sansa_lightning.data.episodes.shown import Shown
from sansa_lightning.data.protocols.base import Pool
from sansa_lightning.data.sources.base import Source
from sansa_lightning.encoders.base import Encoder
from sansa_lightning.encoders.tracker_features import EncoderPlace
from sansa_lightning.figures.plots import bars_plot
from sansa_lightning.images.object_masks import IGNORE
from sansa_lightning.images.pictures import to_frame
from sansa_lightning.model import FewShotModel
from sansa_lightning.strategies.checks import check_whole
from sansa_lightning.trackers.base import Tracker

NEITHER = -1
"""Label of pixels that do not count."""


@dataclass(frozen=True)
class Probe(Analysis):
    """How much of the classes can a linear layer read from the features, and how much does few-shot use?

    Attributes:
        place: of the features.
        images: of each class to train the linear layer on, at least 2; half as many to test it on, as ``LinearProbe``.
        episodes: for the few-shot score beside it.
    """

    question: ClassVar[str] = "Is what adaptation gains new in the features, or was it there and out of reach?"
    place: EncoderPlace = "stage 2"
    images: int = 16
    episodes: int = 320

    def __post_init__(self) -> None:
        """Check the numbers.

        Raises:
            ValueError: one is too small.
        """
        check_whole(self.images, "analysis.images", least=2, what="images")
        check_whole(self.episodes, "analysis.episodes", what="episode")

    def run(self, model: FewShotModel, data: EpisodeDataModule) -> Findings:
        """See :meth:`Analysis.run`.

        Raises:
            ValueError: fewer than two classes can be probed.
        """
        (pool,) = data.pools("test")
        few_shot = few_shot_mious(model, data, self.episodes)
        numbers: dict[str, Any] = {}
        bars: dict[str, dict[str, float | None]] = {"linear probe": {}, "few-shot": dict(few_shot)}
        for side, encoder in feature_sides(model, self.place).items():
            score = probe_pool(model.base, pool, self.images, encoder)
            if score is None:
                msg = (
                    f"probe: expected two test classes of {pool.source} that fill cells of {self.place}, but got fewer"
                )
                raise ValueError(msg)
            pixels = pixel_probe(encoder, model.base, pool, self.images)
            numbers[side] = {"probe_miou": pixels, **score._asdict(), "few_shot_miou": few_shot[side]}
            bars["linear probe"][side] = pixels
        if len(few_shot) > 1:
            (frozen, adapted) = numbers.values()
            numbers["gain"] = {name: adapted[name] - frozen[name] for name in ("probe_miou", "few_shot_miou")}
        return Findings(numbers, {"miou": bars_plot({"unseen classes": bars}, "mIoU")})


def pixel_probe(encoder: Encoder, tracker: Tracker, pool: Pool, images: int) -> float:
    """Mean IoU over a pool's classes of a linear layer on feature maps, in [0, 1].

    The layer is trained on cells that one class, or the background, fills to ``PURE``; its log-probabilities are
    resized to the pixels of other images of the same classes.

    Args:
        encoder: gives the features.
        tracker: of the encoder.
        pool: of the classes, all of which have images for both.
        images: see :class:`Probe`.
    """
    train, test = (list(dict.fromkeys(key for key, _ in part)) for part in split_samples(pool, images))
    cells, labels = zip(*(pure_cells(*each) for each in _labelled(encoder, tracker, pool, train)), strict=True)
    features, classes = balanced(torch.cat(cells), torch.cat(labels))
    number = len(pool.classes) + 1
    with torch.inference_mode(False):
        layer = LinearClassifier.fit(features.clone(), classes.clone(), number)
    counts = torch.zeros(number, number, dtype=torch.int64)
    for each in _labelled(encoder, tracker, pool, test):
        counts += confusion(layer, *each)
    return float(ious(counts)[1:].mean())


def semantic_map(source: Source, key: ImageKey, classes: Sequence[ClassId]) -> Tensor:
    """The number of each pixel's class, 1 for the first, int64 [H, W]; 0 for none, ``NEITHER`` where ignored."""
    shown = Shown(source, key)
    found: Tensor | None = None
    for number, class_id in enumerate(classes, 1):
        if class_id in shown:
            mask = torch.from_numpy(source.load(key, class_id)[1])
            found = torch.zeros(mask.shape, dtype=torch.int64) if found is None else found
            found[(mask == IGNORE) & (found == 0)] = NEITHER
            found[mask == 1] = number
    if found is None:
        return torch.zeros(source.load(key, classes[0])[1].shape, dtype=torch.int64)
    return found


def pure_cells(features: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    """The cells that one label fills to ``PURE``: features, float32 [n, C], and labels, int64 [n].

    Args:
        features: float32 [C, h, w].
        labels: int64 [H, W], ``NEITHER`` or a number from 0 on.
    """
    several = F.one_hot(labels + 1)[..., 1:].movedim(-1, 0).float()
    share, label = F.adaptive_avg_pool2d(several, (features.shape[1], features.shape[2])).max(0)
    return features[:, share >= PURE].T, label[share >= PURE]


def balanced(features: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    """The same without most of the background: at most as many cells, evenly spread, as the largest class has."""
    background = (labels == 0).nonzero()[:, 0]
    most = int(labels[labels > 0].bincount().max()) if (labels > 0).any() else len(background)
    spread = np.linspace(0, len(background) - 1, min(most, len(background))).round().astype(int)
    kept = torch.cat([background[spread], (labels > 0).nonzero()[:, 0]])
    return features[kept], labels[kept]


def confusion(layer: LinearClassifier, features: Tensor, labels: Tensor) -> Tensor:
    """Counts of pixels by label and answer, int64 [classes, classes].

    Args:
        layer: of the classes.
        features: float32 [C, h, w].
        labels: int64 [H, W], see :func:`semantic_map`.
    """
    said = layer.log_probabilities(features.flatten(1).T).T.unflatten(1, features.shape[1:])
    answer = F.interpolate(said[None], labels.shape, mode="bilinear")[0].argmax(0)
    counted, number = labels != NEITHER, layer.weights.shape[1]
    return torch.bincount(labels[counted] * number + answer[counted], minlength=number**2).reshape(number, number)


def ious(counts: Tensor) -> Tensor:
    """The IoU of each class, float64, of counts by label and answer; 0 for a class that is neither."""
    both = counts.diagonal().double()
    return both / (counts.sum(0) + counts.sum(1) - both).clamp(min=1)


def _labelled(
    encoder: Encoder, tracker: Tracker, pool: Pool, keys: Sequence[ImageKey]
) -> Iterator[tuple[Tensor, Tensor]]:
    """Feature map and semantic map of each image."""
    source, size = pool.source, tracker.image_size
    frames = (to_frame(source.load(key, pool.classes[0])[0], size) for key in keys)
    for found, key in zip(maps_of(encoder, tracker, frames), keys, strict=True):
        yield found, semantic_map(source, key, pool.classes)
