"""The linear probe: the accuracy of a linear classifier on features, by cells and objects.

Its callers are the control of every ``test`` (``linear_probe``), the card of nano (``semantics``) and the analysis
``probe``, which adds pixels.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Final, NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from sansa_lightning.clips.episode import ClassId, ImageKey
from sansa_lightning.data.sources.base import Source
from sansa_lightning.data.sources.patterns import Patterns
from sansa_lightning.encoders.base import Encoder
from sansa_lightning.encoders.tracker_features import TrackerFeatures
from sansa_lightning.images.pictures import to_frame
from sansa_lightning.trackers.base import Tracker

STAGE: Final = "stage 2"
"""Place whose features are probed if nothing else is asked for."""

PURE = 0.9
"""Least share of a cell that an object fills for the cell to count as its surface."""

MOST_OBJECTS = 8
"""Most objects in an image of the pattern benchmark."""

Shown = tuple[NDArray[np.uint8], NDArray[np.uint8], tuple[ClassId, ...]]
"""An image, uint8 [H, W, 3], the numbers of its objects from 1 on, uint8 [H, W], and the class of each."""

DECAY = 1e-3
"""L2 penalty of the classifier on standardised features."""


class Cells(NamedTuple):
    """Cells of feature maps that lie on one object.

    Attributes:
        features: float32 [n, C].
        classes: int64 [n], class of the object.
        objects: int64 [n], a number for each object of each image.
    """

    features: Tensor
    classes: Tensor
    objects: Tensor

    def of(self, classes: Sequence[ClassId]) -> Cells:
        """The cells on objects of some classes."""
        kept = torch.isin(self.classes, torch.tensor(classes))
        return Cells(*(part[kept] for part in self))


class ProbeScore(NamedTuple):
    """The result of a probe.

    Attributes:
        cells: share of a class's test cells that are classified correctly, mean over classes, in [0, 1].
        objects: the same for whole objects, by the sum of their cells' log-probabilities.
        chance: 1 / classes, the score of a guess or of any constant answer, however unequal the classes are.
        counts: numbers of test cells and test objects.
    """

    cells: float
    objects: float
    chance: float
    counts: tuple[int, int]


def pattern_cells(
    tracker: Tracker, source: Patterns, keys: Sequence[ImageKey], encoder: Encoder | None = None, chunk: int = 25
) -> Cells:
    """Features on all objects of the pattern benchmark's images.

    Args:
        tracker: the base, with or without a strategy.
        source: of the images.
        keys: of the images.
        encoder: gives the features; that of stage 2 of the trunk if None.
        chunk: number of images that the encoder takes at a time.
    """
    objects = ((key, *source.objects(key)) for key in keys)
    shown = ((source.load(key, classes[0])[0], instances, classes) for key, instances, classes in objects)
    return cells_of(tracker, shown, encoder, chunk)


def class_cells(
    tracker: Tracker,
    source: Source,
    samples: Sequence[tuple[ImageKey, ClassId]],
    encoder: Encoder | None = None,
    chunk: int = 8,
) -> Cells:
    """The same on the masks of classes, for any source. Each sample counts as one object.

    Args:
        tracker: the base, with or without a strategy.
        source: of the images.
        samples: images, each with the class whose mask is used.
        encoder: see :func:`pattern_cells`.
        chunk: number of images that the encoder takes at a time.
    """
    loaded = ((source.load(key, class_id), class_id) for key, class_id in samples)
    shown = ((image, (mask == 1).astype(np.uint8), (class_id,)) for (image, mask), class_id in loaded)
    return cells_of(tracker, shown, encoder, chunk)


@torch.no_grad()
def cells_of(tracker: Tracker, shown: Iterator[Shown], encoder: Encoder | None, chunk: int) -> Cells:
    """Cells on the objects of images, at least one image, on the CPU; see :func:`pattern_cells`."""
    reader = encoder or TrackerFeatures(STAGE)
    parts: list[Cells] = []
    images = 0
    while some := list(islice(shown, chunk)):
        parts.append(_cells(tracker, some, reader, images))
        images += len(some)
    return Cells(*(torch.cat(each) for each in zip(*parts, strict=True)))


class LinearClassifier(NamedTuple):
    """Multinomial logistic regression on standardised features.

    Attributes:
        mean: of the trained features, [C].
        spread: their standard deviation, [C].
        weights: and, in the last row, biases, [C + 1, classes].
    """

    mean: Tensor
    spread: Tensor
    weights: Tensor

    @classmethod
    def fit(cls, features: Tensor, labels: Tensor, classes: int, steps: int = 100) -> LinearClassifier:
        """Fit without randomness.

        Args:
            features: float32 [n, C].
            labels: int64 [n], below ``classes``.
            classes: number of them.
            steps: largest number of iterations of L-BFGS.
        """
        mean, spread = features.mean(0), features.std(0) + 1e-6
        return cls(mean, spread, _fit((features - mean) / spread, labels, classes, steps))

    def log_probabilities(self, features: Tensor) -> Tensor:
        """Of each class, float32 [n, classes], from features [n, C]."""
        return _said((features - self.mean) / self.spread, self.weights).log_softmax(1)


def linear_probe(train: Cells, test: Cells, steps: int = 100) -> ProbeScore:
    """Fit a linear classifier on ``train`` and score it on ``test``, without randomness.

    Args:
        train: cells of every class in ``test``.
        test: cells of other images.
        steps: largest number of iterations of L-BFGS.

    Raises:
        ValueError: there is nothing to test, or a test class was not trained.
    """
    names, labels = train.classes.unique(return_inverse=True)
    if not len(test.classes) or not bool(torch.isin(test.classes, names).all()):
        msg = f"linear_probe: expected test cells of the {len(names)} trained classes, but got {test.classes.unique()}"
        raise ValueError(msg)
    scores = LinearClassifier.fit(train.features, labels, len(names), steps).log_probabilities(test.features)
    truth = torch.searchsorted(names, test.classes)
    objects, member = test.objects.unique(return_inverse=True)
    summed = torch.zeros(len(objects), len(names)).index_add(0, member, scores)
    object_truth = torch.zeros(len(objects), dtype=torch.int64).scatter(0, member, truth)
    return ProbeScore(
        cells=_balanced(scores.argmax(1), truth),
        objects=_balanced(summed.argmax(1), object_truth),
        chance=1 / len(truth.unique()),
        counts=(len(truth), len(objects)),
    )


def _cells(tracker: Tracker, shown: Sequence[Shown], encoder: Encoder, number: int) -> Cells:
    """The cells of a chunk of images that begins with image ``number``."""
    device = next(tracker.parameters()).device
    frames = torch.stack([to_frame(picture, tracker.image_size) for picture, _, _ in shown]).to(device)
    maps = encoder(tracker, frames).movedim(1, -1).float().cpu()
    parts = []
    for image, (features, (_, instances, classes)) in enumerate(zip(maps, shown, strict=True), number):
        owners = pure_owners(torch.from_numpy(instances), len(features))
        owner = owners[owners >= 0]
        parts.append(Cells(features[owners >= 0], torch.tensor(classes)[owner], image * MOST_OBJECTS + owner))
    return Cells(*(torch.cat(each) for each in zip(*parts, strict=True)))


def pure_owners(instances: Tensor, grid: int) -> Tensor:
    """The object that fills each cell, 0 for the first, or -1 if none fills ``PURE`` of it: int64 [grid, grid].

    Args:
        instances: uint8 [H, W], 0 background, k + 1 the k-th object; at most ``MOST_OBJECTS`` objects.
        grid: side of the feature map.
    """
    shares = F.one_hot(instances.long(), MOST_OBJECTS + 1)[..., 1:].float().movedim(-1, 0)
    share, owner = F.adaptive_avg_pool2d(shares, grid).max(0)
    return owner.where(share >= PURE, -1)


def _fit(features: Tensor, labels: Tensor, classes: int, steps: int) -> Tensor:
    """Weights and biases [C + 1, classes] of multinomial logistic regression."""
    weights = torch.zeros(features.shape[1] + 1, classes, requires_grad=True)
    optimizer = torch.optim.LBFGS([weights], max_iter=steps, line_search_fn="strong_wolfe")

    def closure() -> Tensor:
        optimizer.zero_grad()
        loss = F.cross_entropy(_said(features, weights), labels) + DECAY * weights[:-1].square().sum()
        loss.backward()
        return loss

    with torch.enable_grad():
        optimizer.step(closure)
    return weights.detach()


def _balanced(named: Tensor, truth: Tensor) -> float:
    """Share of correct answers, mean over the classes present."""
    right = (named == truth).double()
    return float(torch.stack([right[truth == label].mean() for label in truth.unique()]).mean())


def _said(features: Tensor, weights: Tensor) -> Tensor:
    return features @ weights[:-1] + weights[-1]
