"""The LightningModule that pretrains nano: first content, then tracking."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch import LightningModule
from lightning.pytorch.utilities.types import OptimizerLRScheduler
from torch import Tensor

from sansa_lightning.callbacks.watch import Watch
from sansa_lightning.checkpoints.header import HEADER, plain_header, tensors_by_name
from sansa_lightning.checkpoints.trained import check_fit
from sansa_lightning.clips.evaluation import EvaluationBatch
from sansa_lightning.clips.frames import normalise
from sansa_lightning.data.patterns.tracking import TrackingBatch
from sansa_lightning.files.messages import brief
from sansa_lightning.methods.propagation import Propagation
from sansa_lightning.metrics.damaged_clips import DamagedClips
from sansa_lightning.metrics.tracking import TrackingJ, TrackingScore
from sansa_lightning.pretraining.export import write_weights
from sansa_lightning.pretraining.initialisation import initialise
from sansa_lightning.pretraining.objective import ContentObjective, TrackingObjective
from sansa_lightning.strategies.base import trained_parameters
from sansa_lightning.strategies.checks import check_whole
from sansa_lightning.trackers.zoo import Base

SIDE = 96
"""Pixels of the clips, and of a base that can track them."""

STAGE = 2
"""Stage of the trunk on which content is learnt: that of the matching grid."""

WATCH = "watch_low"
"""Key of a checkpoint: the number of low checks in a row."""

WEIGHTS = "nano.safetensors"
"""Name of the exported weights in the run folder."""


class TrackerModule(LightningModule):
    """Trains all of a base as a promptable tracker, on clips without classes.

    The first ``content_steps`` steps train the trunk to know the content of each cell. The others train everything to
    follow the prompted object, with each prediction as memory for the next target, and keep the content objective at
    ``content_weight``: without it, a tracker reaches the same J with meaningless features. Both periods have their own
    warm-up and cosine. The base stays in eval mode: its only randomness is the dropout of memory attention, and without
    it a resumed run equals an uninterrupted one.

    Args:
        base: to train; without weights it is initialised for training from scratch, see ``initialisation``.
        content_steps: steps of the first period, 0 for none.
        content_rate: highest learning rate of the first period.
        tracker_rate: highest learning rate of the second; at 1e-3 the trunk explodes, as a feasibility study found.
        warmup: steps in which the rate of a period rises.
        content_weight: of the content objective in the second period.
        weight_decay: AdamW's.
        watch_every: see :class:`Watch`, like the next two.
        least_spread: smallest spread of the decoder's features in a healthy run.
        patience: number of checks below it that ends the run.
    """

    def __init__(
        self,
        base: Base = Base("nano", weights=None),  # noqa: B008  frozen dataclass
        content_steps: int = 400,
        content_rate: float = 2e-3,
        tracker_rate: float = 4e-4,
        warmup: int = 40,
        content_weight: float = 0.5,
        weight_decay: float = 0.02,
        watch_every: int = 20,
        least_spread: float = 0.05,
        patience: int = 3,
    ) -> None:
        super().__init__()
        if min(content_steps, warmup, content_weight, weight_decay) < 0 or min(content_rate, tracker_rate) <= 0:
            msg = (
                f"TrackerModule: expected content_steps, warmup, content_weight, weight_decay >= 0 and rates > 0, but "
                f"got {content_steps}, {warmup}, {content_weight}, {weight_decay} and {content_rate}, {tracker_rate}"
            )
            raise ValueError(msg)
        self.base_choice = base
        self.content_steps = content_steps
        self.content_rate = content_rate
        self.tracker_rate = tracker_rate
        self.warmup = warmup
        self.content_weight = content_weight
        self.weight_decay = weight_decay
        self.watch = Watch(watch_every, least_spread, patience)
        self.propagation = Propagation()
        self.tracking = TrackingObjective()
        self.metric = TrackingJ()
        self.base: Any = None
        self.damaged = DamagedClips()
        self.scores: dict[str, TrackingScore] = {}

    def configure_model(self) -> None:
        """Build the base and the head of the content objective, once."""
        if self.base is not None:
            return
        self.base = self.base_choice.build()
        if self.base.image_size != SIDE:
            msg = f"model.base: expected one for clips of {SIDE} pixels, such as nano, but got {self.base_choice.name}"
            raise ValueError(msg)
        if self.base_choice.weights is None:
            initialise(self.base, self.base_choice.seed)
        channels = next(block.dim_out for block in reversed(self.base.blocks()) if block.stage == STAGE)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.base_choice.seed)
            self.content = ContentObjective(channels, self.trainer.datamodule.tiles)  # type: ignore[attr-defined]

    def train(self, mode: bool = True) -> TrackerModule:
        """Train mode for the heads; the base stays in eval mode."""
        super().train(mode)
        if self.base is not None:
            self.base.eval()
        return self

    def on_train_batch_start(self, batch: TrackingBatch, batch_idx: int) -> None:
        """The watch begins a step."""
        self.watch.begin(self.base, self.global_step)

    def on_before_optimizer_step(self, optimizer: torch.optim.Optimizer) -> None:
        """Log the vital signs, before gradients are clipped; a collapsed run ends here."""
        signs = self.watch.check(self.base, self.global_step)
        self.log_dict({f"watch/{name}": sign for name, sign in signs.items()})

    def training_step(self, batch: TrackingBatch, batch_idx: int) -> Tensor:
        """A step of the first or second period."""
        batch = replace(batch, images=normalise(batch.images))  # once for the trunk, the tracker and the content
        if self.global_step < self.content_steps:
            features = self.base.stages(batch.images.flatten(0, 1))[STAGE]
            return self._content_loss(features, batch, tile_weight=1.0)
        heard: list[Tensor] = []
        with self.base.tap(f"stage {STAGE}", heard.append):
            logits = self.propagation(self.base, batch.images, batch.prompts, propagate_targets=True).logits
        loss = self.tracking(logits, batch)
        size = len(batch.episodes)
        self.log_dict({f"train/{name}": value for name, value in loss.terms.items()}, batch_size=size)
        content = self._content_loss(heard[0], batch, tile_weight=0.5)
        total: Tensor = loss.total + self.content_weight * content
        self.log("train/loss", total, prog_bar=True, batch_size=size)
        return total

    def validation_step(self, batch: EvaluationBatch, batch_idx: int) -> None:
        """Track from the first frame, with each prediction as memory for the next."""
        self._count(batch)

    def test_step(self, batch: EvaluationBatch, batch_idx: int) -> None:
        """The same as in validation."""
        self._count(batch)

    def on_validation_epoch_end(self) -> None:
        """Log J."""
        self._conclude("val")

    def on_test_epoch_end(self) -> None:
        """Log J."""
        self._conclude("test")

    def configure_optimizers(self) -> OptimizerLRScheduler:
        """AdamW over everything; parameters without a gradient in a period do not change."""
        optimizer = torch.optim.AdamW(
            self.parameters(), lr=self.tracker_rate, betas=(0.9, 0.98), weight_decay=self.weight_decay
        )
        rate = self.rate(int(self.trainer.estimated_stepping_batches))
        schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: rate(step) / self.tracker_rate)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

    def rate(self, steps: int) -> Callable[[int], float]:
        """The learning rate of each step of a run of ``steps``: in both periods it rises, then falls to 2 %."""
        first, second = min(self.content_steps, steps), max(steps - self.content_steps, 0)

        def at(step: int) -> float:
            inside = step < self.content_steps
            top, done, length = (
                (self.content_rate, step, first) if inside else (self.tracker_rate, step - first, second)
            )
            rising = min(1.0, (done + 1) / (self.warmup + 1))
            falling = 0.5 * (1 + math.cos(math.pi * min(1.0, done / max(length, 1))))
            return top * rising * (0.02 + 0.98 * falling)

        return at

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Add the header of the tensors, and the state of the watch."""
        checkpoint[HEADER] = self.header()
        checkpoint[WATCH] = self.watch.low

    def on_load_checkpoint(self, checkpoint: Mapping[str, Any]) -> None:
        """Restore the watch; Lightning copies the tensors.

        Raises:
            ValueError: the checkpoint belongs to another base or recipe, or its tensors do not fit.
        """
        where = "checkpoint"
        if (said := plain_header(checkpoint, where)) != self.header():
            msg = f"{where} does not fit this run: it is of {brief(said)}, but here it is {brief(self.header())}"
            raise ValueError(msg)
        check_fit(tensors_by_name(checkpoint, where), self.state_dict(), where)
        self.watch.low = check_whole(checkpoint.get(WATCH), f"{where}.{WATCH}", least=0)

    def on_train_end(self) -> None:
        """Stop the watch."""
        self.watch.release()

    def on_fit_end(self) -> None:
        """Write the base's weights into the run folder; also for a resumed run that was at its end already."""
        if self.trainer.is_global_zero and not self.trainer.fast_dev_run:  # type: ignore[attr-defined]
            write_weights(self.base, Path(self.trainer.default_root_dir) / WEIGHTS)

    def header(self) -> dict[str, Any]:
        """The header of a checkpoint: how it was trained, and its base."""
        return {"strategy": {"class": type(self).__name__}, "base": {"name": self.base_choice.name}}

    def record(self) -> dict[str, Any]:
        """The base and the scores, for the run's result; empty before the base is built."""
        if self.base is None:
            return {}
        trained = sum(parameter.numel() for parameter in trained_parameters(self).values())
        metrics = {phase: score.as_plain() for phase, score in self.scores.items()}
        return {**self.header(), "trained_parameters": trained, "metrics": metrics}

    def _content_loss(self, features: Tensor, batch: TrackingBatch, tile_weight: float) -> Tensor:
        found = self.content(features, batch.images.flatten(0, 1), batch.tokens.flatten(0, 1))
        values = {f"train/{name}": value.detach() for name, value in found._asdict().items()}
        self.log_dict(values, batch_size=len(batch.episodes))
        total: Tensor = tile_weight * found.tile + found.texture
        return total

    def _count(self, batch: EvaluationBatch) -> None:
        clips = batch.clips
        logits = self.propagation(self.base, clips.images, clips.prompts, propagate_targets=True).logits
        self.damaged.count(logits)
        self.metric.update(logits[:, clips.shots :] > 0, clips.masks[:, clips.shots :], batch.scored)

    def _conclude(self, phase: str) -> None:
        self.damaged.look(self.trainer, phase)
        score = self.metric.compute()
        self.metric.reset()
        if self.trainer.sanity_checking:
            return
        self.scores[phase] = score
        self.log(f"{phase}/tracking_j", score.j, prog_bar=True, sync_dist=True)  # equal everywhere already
