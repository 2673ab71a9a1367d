"""A callback that makes numbers of a run NaN at a chosen step."""

from __future__ import annotations

import torch
from lightning.pytorch import Callback, LightningModule, Trainer

from sansa_lightning.clips.batch import ClipBatch
from sansa_lightning.strategies.base import trained_parameters


class PoisonAt(Callback):
    """Spoils what a step is computed from, or what it has made.

    Args:
        what: "images" of the batch after ``step``, or right after it "weights", one of them, or "moment", one number
            that the optimiser keeps.
        step: number of optimiser steps done.
        rank: the only process where it happens.
    """

    def __init__(self, what: str, step: int, rank: int = 0) -> None:
        self.what = what
        self.step = step
        self.rank = rank

    def on_train_batch_start(
        self, trainer: Trainer, pl_module: LightningModule, batch: ClipBatch, batch_idx: int
    ) -> None:
        if self._now("images", trainer):
            object.__setattr__(batch, "images", batch.images * float("nan"))  # a batch is frozen, and bytes are numbers

    def on_train_batch_end(self, trainer: Trainer, pl_module: LightningModule, *_: object) -> None:
        if self._now("weights", trainer):
            with torch.no_grad():
                next(iter(trained_parameters(pl_module).values())).view(-1)[0] = float("nan")

        if self._now("moment", trainer):
            next(iter(trainer.optimizers[0].state.values()))["exp_avg_sq"].view(-1)[0] = float("inf")

    def _now(self, what: str, trainer: Trainer) -> bool:
        return what == self.what and trainer.global_step == self.step and trainer.global_rank == self.rank


def poisoned(what: str, step: int, rank: int = 0) -> tuple[str, str]:
    """Options of the command line that add the callback."""
    arguments = f'{{"what": "{what}", "step": {step}, "rank": {rank}}}'
    return "--trainer.callbacks", f'{{"class_path": "fakes.poison.PoisonAt", "init_args": {arguments}}}'
