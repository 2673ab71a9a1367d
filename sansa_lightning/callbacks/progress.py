"""Progress as lines, where no terminal shows bars; and the summary of a model without what is not measured."""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.callbacks import ModelSummary
from tabulate import tabulate

from sansa_lightning.files.messages import duration

SOONEST, LATEST = 10.0, 30.0
"""Seconds from one line to the next: few at the beginning of a run, when somebody looks."""

UNITS = {"step": "steps", "batch": "batches"}

SHOWN = ("Name", "Type", "Params", "Mode")
"""Columns of a model's summary; nothing is run through the model for it, so that others would be empty."""


def warn(line: str) -> None:
    """Print a line on stderr at once: stdout is for results."""
    print(line, file=sys.stderr, flush=True)


class ProgressLines(Callback):
    """Says at least every 30 s where a run is: step, learning rate, loss, speed and time left.

    A line comes at the end of a batch, so that one that takes longer has a line of its own. Of several processes the
    first one speaks.

    Args:
        clock: gives seconds that only grow.
        say: takes a line.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic, say: Callable[[str], None] = warn) -> None:
        self.clock, self.say = clock, say
        self.began = self.said = self.mark = clock()
        self.spent, self.done, self.first_step = 0.0, 0, 0
        self.training = (0.0, 0)

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Count from here: what an earlier attempt did took time of its own."""
        self._begin()
        self.first_step = trainer.global_step

    def on_train_batch_end(self, trainer: Trainer, pl_module: LightningModule, outputs: Any, *_: Any) -> None:
        """Say the step, where it is time to."""
        if not self._due(trainer):
            return
        step, steps = trainer.global_step, trainer.estimated_stepping_batches
        values = [f"rate {rate:.1e}" for rate in _rates(trainer)[:1]]
        if isinstance(outputs, dict) and "loss" in outputs:  # of which Lightning gives a step's share
            values.append(f"loss {float(outputs['loss']) * trainer.accumulate_grad_batches:.4f}")
        self._say("train: step", step, steps, values, step - self.first_step, "step")

    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Keep what training has counted, which goes on afterwards."""
        self.training = (self.spent, self.done)
        self._begin()

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Go on with training's count."""
        self._begin(*self.training)

    def on_test_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Count from here."""
        self._begin()

    on_predict_start = on_test_start

    def on_validation_batch_end(self, trainer: Trainer, pl_module: LightningModule, *_: Any, **_named: Any) -> None:
        """Say the batch, where it is time to."""
        batches = trainer.num_sanity_val_batches if trainer.sanity_checking else trainer.num_val_batches
        self._evaluated("validation", trainer, batches)

    def on_test_batch_end(self, trainer: Trainer, pl_module: LightningModule, *_: Any, **_named: Any) -> None:
        """Likewise."""
        self._evaluated("test", trainer, trainer.num_test_batches)

    def on_predict_batch_end(self, trainer: Trainer, pl_module: LightningModule, *_: Any, **_named: Any) -> None:
        """Likewise."""
        self._evaluated("predict", trainer, trainer.num_predict_batches)

    def _begin(self, spent: float = 0.0, done: int = 0) -> None:
        self.spent, self.done, self.mark = spent, done, self.clock()

    def _evaluated(self, phase: str, trainer: Trainer, batches: Sequence[float]) -> None:
        if self._due(trainer):
            self._say(f"{phase}: batch", self.done, sum(batches), [], self.done, "batch")

    def _due(self, trainer: Trainer) -> bool:
        """Count a batch; whether a line is due, since the end of the next one might be too late."""
        now = self.clock()
        last, self.mark = now - self.mark, now
        self.spent += last
        self.done += 1
        wait = min(LATEST, max(SOONEST, (now - self.began) / 10))
        if not trainer.is_global_zero or now - self.said + last < wait:
            return False
        self.said = now
        return True

    def _say(self, where: str, place: int, of: float, values: Sequence[str], done: int, unit: str) -> None:
        ends = math.isfinite(of) and of > 0
        parts = [f"{where} {place}{f' of {of:.0f}' if ends else ''}", *values]
        if done and self.spent:
            each = self.spent / done
            parts.append(f"{1 / each:.1f} {UNITS[unit]}/s" if each < 1 else f"{each:.1f} s a {unit}")
            parts += [f"{duration((of - place) * each)} left"] if ends else []
        self.say(", ".join(parts))


def _rates(trainer: Trainer) -> list[float]:
    """Learning rates of all groups of parameters."""
    return [group["lr"] for optimizer in trainer.optimizers for group in optimizer.param_groups]


class Summary(ModelSummary):
    """What a model consists of and how much of it trains, printed before the training."""

    @staticmethod
    def summarize(
        summary_data: list[tuple[str, list[str]]],
        total_parameters: int,
        trainable_parameters: int,
        model_size: float,
        *_: Any,
        **_more: Any,
    ) -> None:
        """Print the table; arguments are those of Lightning's."""
        columns = [[head, *cells] for head, cells in summary_data if head in SHOWN]
        print(tabulate(zip(*columns, strict=True), tablefmt="plain", disable_numparse=True))
        print(f"{trainable_parameters:,} of {total_parameters:,} parameters train ({model_size:.1f} MB in all)")
