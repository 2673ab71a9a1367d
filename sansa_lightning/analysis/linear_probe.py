"""The linear probe as an option of ``test``: how well the base's features separate the test classes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.utilities import rank_zero_warn

from sansa_lightning.analysis.probe import Cells, ProbeScore, class_cells, linear_probe
from sansa_lightning.clips.episode import ClassId, ImageKey
from sansa_lightning.data.datamodule import EpisodeDataModule
from sansa_lightning.data.protocols.base import Pool
from sansa_lightning.encoders.base import Encoder
from sansa_lightning.encoders.tracker_features import EncoderPlace, TrackerFeatures
from sansa_lightning.strategies.base import STAGES
from sansa_lightning.trackers.base import Tracker

Samples = list[tuple[ImageKey, ClassId]]


class LinearProbe(Callback):
    """Fits a linear classifier on features of the base with its strategy, at the end of a test.

    Use it by ``--trainer.callbacks+=LinearProbe`` with ``test``; with ``ablations/frozen.yaml`` it probes the frozen
    base. It reads the cells of a stage of the trunk that the mask of a test class fills, trains on some images of each
    class and tests on others, all from the test split. The scores are logged as ``test/probe_cells``,
    ``test/probe_objects`` and ``test/probe_chance``, and are in the record of the run.

    Args:
        images: of each class to train on, at least 2; half as many to test on. A class with fewer trains on two thirds
            of them.
        stage: of the trunk, 0 (fine) to 3 (coarse).

    Raises:
        ValueError: there is no such stage, or there are too few images.
    """

    def __init__(self, images: int = 16, stage: int = 2) -> None:
        if images < 2 or stage not in STAGES:
            msg = f"LinearProbe: expected at least 2 images and a stage of {list(STAGES)}, but got {images} and {stage}"
            raise ValueError(msg)
        self.images = images
        self.stage = stage
        self.score: ProbeScore | None = None

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Check before the run that there is something to probe.

        Raises:
            ValueError: the test has no classes, as with a tracker's.
        """
        if not isinstance(trainer.datamodule, EpisodeDataModule):  # type: ignore[attr-defined]
            msg = "LinearProbe: expected episodes of classes, but this run has none; leave it out of trainer.callbacks"
            raise ValueError(msg)

    def on_test_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Probe; all processes get the same result."""
        (pool,) = trainer.datamodule.pools("test")  # type: ignore[attr-defined]
        tracker: Any = pl_module.base  # of a module that trains one
        self.score = probe_pool(tracker, pool, self.images, TrackerFeatures(stage_place(self.stage)))
        if self.score is None:
            rank_zero_warn(f"LinearProbe: fewer than two test classes of {pool.source} fill cells of the stage")
            return
        shares = {"cells": self.score.cells, "objects": self.score.objects, "chance": self.score.chance}
        pl_module.log_dict({f"test/probe_{name}": share for name, share in shares.items()}, rank_zero_only=True)

    def on_test_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Print."""
        if self.score is not None and trainer.is_global_zero:
            cells, objects, chance = (100 * share for share in self.score[:3])
            print(f"linear probe of stage {self.stage}: cells {cells:.1f}, objects {objects:.1f} (chance {chance:.1f})")

    def record(self) -> dict[str, Any]:
        """The score, for the run's result."""
        if self.score is None:
            return {}
        return {"metrics": {"test": {"probe": {"stage": self.stage, **self.score._asdict()}}}}


PROBE = f"{LinearProbe.__module__}.{LinearProbe.__qualname__}"
"""Its name in configurations."""


def stage_place(stage: int) -> EncoderPlace:
    """The end of a stage of the trunk, 0 to 3, as a place of features."""
    places: tuple[EncoderPlace, ...] = ("stage 0", "stage 1", "stage 2", "stage 3")
    return places[stage]


def probe_pool(tracker: Tracker, pool: Pool, images: int, encoder: Encoder) -> ProbeScore | None:
    """The probe of a pool's classes, or None if fewer than two of them can be trained and tested.

    Args:
        tracker: the base, with or without a strategy.
        pool: of the classes and images.
        images: see :class:`LinearProbe`.
        encoder: gives the features.
    """
    train, test = split_samples(pool, images)
    if not train or not test:
        return None
    trained, tested = (class_cells(tracker, pool.source, samples, encoder) for samples in (train, test))
    both = sorted(set(trained.classes.tolist()) & set(tested.classes.tolist()))
    if len(both) < 2:
        return None
    # A run scores in inference mode, with whose tensors the classifier could not compute gradients.
    with torch.inference_mode(False):
        return linear_probe(_copied(trained.of(both)), _copied(tested.of(both)))


def split_samples(pool: Pool, images: int) -> tuple[Samples, Samples]:
    """Samples to train and to test on; no image is in both, even for different classes."""
    listed: dict[ClassId, Sequence[ImageKey]] = {c: pool.source.images(c, pool.split) for c in pool.classes}
    counts = {c: min(images, 2 * len(keys) // 3) for c, keys in listed.items()}
    train = [(key, c) for c, keys in listed.items() for key in keys[: counts[c]]]
    taken = {key for key, _ in train}
    test: Samples = []
    for class_id, keys in listed.items():
        others = [key for key in keys[counts[class_id] :] if key not in taken]
        test += [(key, class_id) for key in others[: max(images // 2, 1)]]
    return train, test


def _copied(cells: Cells) -> Cells:
    return Cells(*(part.clone() for part in cells))
