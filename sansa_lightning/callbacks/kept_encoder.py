"""Telling a cache of the image encoder what is going on, and saying at the end what it was good for."""

from __future__ import annotations

import logging
from collections import Counter
from typing import Any

from lightning.pytorch import Callback, LightningModule, Trainer

from sansa_lightning.trackers.encoder_cache import KeptEncoder

log = logging.getLogger(__name__)


class UseEncoderCache(Callback):
    """Has the cache keep whole results within an evaluation, and leaves it out where training frames are augmented.

    Augmented frames never come again; they are counted as bypassed. One line at the end of each phase says how often
    results were kept.
    """

    def __init__(self) -> None:
        self._before: Counter[str] = Counter()

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Say so if frames are augmented."""
        self._before = Counter(_kept(pl_module).counts)
        if _augmented(trainer):
            log.info("encoder cache: training frames are augmented, none comes again, and none is kept")

    def on_train_batch_start(self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int) -> None:
        """Leave the cache out for augmented frames."""
        _kept(pl_module).active = not _augmented(trainer)

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Sum up."""
        self._say("fit", _kept(pl_module))

    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """An evaluation begins."""
        self._begin(pl_module)

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """It is over."""
        _kept(pl_module).evaluation(begins=False)

    def on_test_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """An evaluation begins."""
        self._before = Counter(_kept(pl_module).counts)
        self._begin(pl_module)

    def on_test_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """It is over; sum up."""
        _kept(pl_module).evaluation(begins=False)
        self._say("test", _kept(pl_module))

    def on_predict_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """An evaluation begins."""
        self._begin(pl_module)

    def on_predict_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """It is over."""
        _kept(pl_module).evaluation(begins=False)

    def _begin(self, module: LightningModule) -> None:
        kept = _kept(module)
        kept.active = True
        kept.evaluation(begins=True)

    def _say(self, phase: str, kept: KeptEncoder) -> None:
        counts = kept.counts - self._before
        told = [f"{counts[name]} {words}" for name, words in TOLD.items() if counts[name] or name == "computed"]
        log.info("encoder cache, %s: of all frames %s", phase, ", ".join(told))


TOLD = {
    "computed": "computed",
    "memory": "from memory",
    "folder": "from the folder",
    "bypassed": "passed by",
    "damaged": "damaged in the folder, computed again",
}
"""Where the results of frames came from, in words."""


def _kept(module: LightningModule) -> KeptEncoder:
    tracker: Any = module.base  # of a module that has one
    kept: KeptEncoder = tracker.kept
    return kept


def _augmented(trainer: Trainer) -> bool:
    return getattr(trainer.datamodule, "augmentation", None) is not None  # type: ignore[attr-defined]
