"""A callback that ends its process as `kill -9` does, at a chosen moment."""

from __future__ import annotations

import os
import signal
from typing import Any

from lightning.pytorch import Callback, LightningModule, Trainer

import sansa_lightning.files.whole


class KillAt(Callback):
    """Kills the process.

    Args:
        moment: "step" after the optimiser's step of that number; "validation" in the first batch of the validation
            after it; "epoch" at the start of the epoch that begins with it; "writing" while the first checkpoint from
            that step on is written.
        step: number of optimiser steps done.
        rank: the only process where it happens.
    """

    def __init__(self, moment: str, step: int, rank: int = 0) -> None:
        self.moment = moment
        self.step = step
        self.rank = rank

    def on_train_batch_end(self, trainer: Trainer, pl_module: LightningModule, *args: Any) -> None:
        self._kill("step", trainer)
        if self.moment == "writing" and trainer.global_step >= self.step - 1:
            sansa_lightning.files.whole.os = self  # type: ignore[assignment]  # the next file to be written is the checkpoint

    def on_validation_batch_start(self, trainer: Trainer, pl_module: LightningModule, *args: Any) -> None:
        self._kill("validation", trainer)

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._kill("epoch", trainer)

    def fsync(self, descriptor: int) -> None:
        """In place of ``os.fsync``: the content is there, the name is still the temporary one."""
        os.kill(os.getpid(), signal.SIGKILL)

    def _kill(self, moment: str, trainer: Trainer) -> None:
        if moment == self.moment and trainer.global_step == self.step and trainer.global_rank == self.rank:
            os.kill(os.getpid(), signal.SIGKILL)
