"""A callback that asks its process to end, by a signal, at a chosen moment."""

from __future__ import annotations

import os
import signal
from typing import Any

from lightning.pytorch import Callback, LightningModule, Trainer


class AskAt(Callback):
    """Sends a signal to its own process, once.

    Args:
        moment: "setup" before anything is built; "step" after the optimiser's step of that number; "validation",
            "test" or "predict" in the first batch of it after that step.
        name: of the signal.
        step: number of optimiser steps done.
    """

    def __init__(self, moment: str, name: str = "SIGTERM", step: int = 0) -> None:
        self.moment = moment
        self.number = signal.Signals[name]
        self.step = step
        self.done = False

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        self._ask("setup", trainer)

    def on_train_batch_end(self, trainer: Trainer, *_: Any) -> None:
        self._ask("step", trainer)

    def on_validation_batch_end(self, trainer: Trainer, *_: Any) -> None:
        if not trainer.sanity_checking:
            self._ask("validation", trainer)

    def on_test_batch_end(self, trainer: Trainer, *_: Any) -> None:
        self._ask("test", trainer)

    def on_predict_batch_end(self, trainer: Trainer, *_: Any) -> None:
        self._ask("predict", trainer)

    def _ask(self, moment: str, trainer: Trainer) -> None:
        if moment == self.moment and trainer.global_step == self.step and not self.done:
            self.done = True
            os.kill(os.getpid(), self.number)


def asking(moment: str, name: str = "SIGTERM", step: int = 0) -> tuple[str, str]:
    """Options of the command line that add the callback."""
    arguments = f'{{"moment": "{moment}", "name": "{name}", "step": {step}}}'
    return "--trainer.callbacks", f'{{"class_path": "fakes.asker.AskAt", "init_args": {arguments}}}'
