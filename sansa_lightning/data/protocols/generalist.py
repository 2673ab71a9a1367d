"""Protocols that train on sources other than the one they test."""

from __future__ import annotations

from collections.abc import Mapping

from sansa_lightning.data.protocols.base import Pool, PoolPhase, Protocol
from sansa_lightning.data.sources.base import Source, Split

MIX = {"lvis": 0.40, "coco": 0.45, "ade20k": 0.10, "paco": 0.05}
"""Shares of the paper's largest mix, of which alone they are known (docs/sansa.md 3.3, row 14)."""


class Generalist(Protocol):
    """Train on a mix of sources, all their classes; test on all of the datamodule's source (docs/sansa.md 4.13).

    The weight of a source is the probability that a training episode comes from it. ``data.train_length`` is the
    number of episodes of an epoch, 210,000 in the paper.

    No tested class is called unseen: classes of one name may be trained and tested, in different pictures, and they
    are if the datamodule's source is in the mix. Names are not compared across sources.

    Args:
        sources: to train on; the keys name them in configurations.
        weights: the share of each key's source, > 0; they need not add up to 1. None takes those of the paper's mix,
            for the keys ``lvis``, ``coco``, ``ade20k`` and ``paco``.
        min_images: pictures that a class needs in a split to be drawn there, at least 2.
    """

    def __init__(
        self, sources: dict[str, Source], weights: dict[str, float] | None = None, min_images: int = 2
    ) -> None:
        given: Mapping[str, float] = MIX if weights is None else weights
        surplus = set() if weights is None else set(weights) - set(sources)
        lacking = set(sources) - set(given)
        if not sources or lacking or surplus:
            msg = (
                f"Generalist.weights: expected one for each of the sources {sorted(sources)}, "
                f"but got them for {sorted(given)}"
            )
            raise ValueError(msg)
        if min_images < 2:
            msg = f"Generalist.min_images: expected at least 2, but got {min_images}"
            raise ValueError(msg)
        self.sources = dict(sources)
        self.weights = {key: given[key] for key in sources}
        self.min_images = min_images

    def pools(self, source: Source, phase: PoolPhase) -> tuple[Pool, ...]:
        """A pool for each source to train; one pool of the datamodule's source to test."""
        if phase == "test":
            return (_all_classes(source, "val", self.min_images, "Generalist, test classes"),)
        return tuple(
            _all_classes(each, "train", self.min_images, f"Generalist, source {key}", self.weights[key])
            for key, each in self.sources.items()
        )


class CrossDataset(Protocol):
    """Train on all classes of one source, test on all classes of the datamodule's.

    No tested class is called unseen: classes of one name may be trained in one source and tested in the other. Names
    are not compared; whoever combines two sources has to know whether their classes overlap.

    Args:
        train_source: to train on.
        min_images: pictures that a class needs in a split to be drawn there, at least 2.
    """

    def __init__(self, train_source: Source, min_images: int = 2) -> None:
        if min_images < 2:
            msg = f"CrossDataset.min_images: expected at least 2, but got {min_images}"
            raise ValueError(msg)
        self.train_source = train_source
        self.min_images = min_images

    def pools(self, source: Source, phase: PoolPhase) -> tuple[Pool, ...]:
        """One pool: the train source's classes to train, those of the datamodule's source to test."""
        if phase == "test":
            return (_all_classes(source, "val", self.min_images, "CrossDataset, test classes"),)
        return (_all_classes(self.train_source, "train", self.min_images, "CrossDataset.train_source"),)


def _all_classes(source: Source, split: Split, min_images: int, what: str, weight: float = 1.0) -> Pool:
    return Pool.filtered(source, split, source.classes(split), min_images, what, weight)
