"""The one LightningModule: connects method, base, strategy, losses, metrics and optimiser, without their details."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import torch
from lightning.pytorch import LightningModule
from lightning.pytorch.cli import OptimizerCallable
from lightning.pytorch.utilities.types import OptimizerLRScheduler
from torch import Tensor
from torchmetrics import Metric

from sansa_lightning.checkpoints.adapters import scored_as_trained
from sansa_lightning.checkpoints.header import HEADER
from sansa_lightning.checkpoints.trained import load_checkpoint, trained_state
from sansa_lightning.clips.batch import ClipBatch
from sansa_lightning.clips.evaluation import EvaluationBatch, Predicted
from sansa_lightning.losses import BCE, Dice, WeightedSum
from sansa_lightning.methods.base import Answers, Method
from sansa_lightning.methods.sansa import Sansa
from sansa_lightning.metrics.controls import ControlledIoU, ControlScores
from sansa_lightning.metrics.damaged_clips import DamagedClips
from sansa_lightning.metrics.few_shot_iou import FewShotScores
from sansa_lightning.metrics.scoring import target_logits
from sansa_lightning.model import FewShotModel, ModelParts
from sansa_lightning.strategies.adaptformer import AdaptFormer
from sansa_lightning.strategies.base import Strategy
from sansa_lightning.strategies.training_prompts import prompt_kinds
from sansa_lightning.trackers.base import Tracker
from sansa_lightning.trackers.zoo import Base

Phase = Literal["val", "test"]

PRECISIONS = ("32-true", "bf16-mixed", "16-mixed")
"""Precisions of the trainer. In others the trained weights themselves have too few bits, and steps of 1e-4 vanish."""


class FewShotModule(LightningModule):
    """Trains a strategy on clips, and scores targets from their references alone.

    The default is the paper's recipe: BCE + Dice, AdamW at 1e-4 without weight decay, cosine to zero over all steps
    (docs/sansa.md 3). J, K and the batch are the datamodule's, clipping and precision the trainer's.

    Args:
        base: the tracker and its weights.
        strategy: trains on the base; ``AdaptFormer`` if None.
        method: turns clips into masks; ``Sansa`` if None.
        losses: minimised on the targets; BCE + Dice if None.
        optimizer: builds the optimiser from the trained parameters.
        schedule: of the learning rate, stepped at each optimiser step; "poly" is (1 - t / T)^p.
        schedule_power: p of "poly", above 0; FSSAM has 0.9.
        threshold: probability above which a pixel is foreground (docs/sansa.md 6).
        memory_dropout: train with memory attention's dropout active although it is frozen, as the released code does;
            attention is then not fused, and a step of 2 clips x 4 frames at 1024 px (tiny) needs over 24 GB, not 11.
        recompute: recompute activations in the backward pass: less memory, more time.
        metrics: further metrics of the targets by name, see :class:`ControlledIoU`.
    """

    strict_loading = False  # the checkpoint holds trained tensors only; on_load_checkpoint is strict about those

    def __init__(
        self,
        base: Base = Base("nano"),  # noqa: B008  frozen dataclass
        strategy: Strategy | None = None,
        method: Method | None = None,
        losses: WeightedSum | None = None,
        optimizer: OptimizerCallable = lambda parameters: torch.optim.AdamW(parameters, lr=1e-4, weight_decay=0.0),
        schedule: Literal["cosine", "constant", "poly"] = "cosine",
        schedule_power: float = 1.0,
        threshold: float = 0.5,
        memory_dropout: bool = False,
        recompute: bool = False,
        metrics: dict[str, Metric] | None = None,
    ) -> None:
        super().__init__()
        if not 0 < threshold < 1:
            msg = f"FewShotModule.threshold: expected a probability in (0, 1), but got {threshold}"
            raise ValueError(msg)
        if not 0 < schedule_power < math.inf:
            msg = f"FewShotModule.schedule_power: expected a finite number above 0, but got {schedule_power}"
            raise ValueError(msg)
        self.parts = ModelParts(base, strategy or AdaptFormer(), method or Sansa())
        self.losses = losses or WeightedSum({"bce": BCE(), "dice": Dice()})
        self.optimizer = optimizer
        self.schedule = schedule
        self.schedule_power = schedule_power
        self.cut = math.log(threshold / (1 - threshold))
        self.memory_dropout = memory_dropout
        self.recompute = recompute
        self.further = metrics or {}
        self.model: FewShotModel | None = None
        self.adapter: Path | None = None
        self.damaged = DamagedClips()
        self.scores: dict[str, FewShotScores] = {}
        self.controls: dict[str, ControlScores] = {}
        self.more: dict[str, dict[str, float]] = {}

    def setup(self, stage: str) -> None:
        """Take the classes to score from the datamodule, which has checked its data by now.

        Raises:
            ValueError: there is no datamodule, the trainer's precision is not one of ``PRECISIONS``, the method does
                not allow this run, or the strategy does not fit its prompts.
        """
        data = self.trainer.datamodule  # type: ignore[attr-defined]
        if data is None:
            msg = (
                "FewShotModule: expected datamodule=EpisodeDataModule(...), which knows the classes, but there is none"
            )
            raise ValueError(msg)
        self.parts.method.check(stage, data)
        if stage == "fit" and hasattr(data, "train_prompt"):
            self.parts.strategy.check_training_prompts(prompt_kinds(data.train_prompt))
        if self.trainer.precision not in PRECISIONS:
            msg = f"trainer.precision: expected one of {', '.join(PRECISIONS)}, but got {self.trainer.precision}"
            raise ValueError(msg)
        names = data.class_names
        self.metric = ControlledIoU(tuple(names), tuple(names.values()), self.cut, self.further)

    def configure_model(self) -> None:
        """Build the model, once; if ``adapter`` names a published file, with the file's own strategy.

        Raises:
            ValueError: the strategy, the method or the file does not fit the base.
        """
        if self.model is not None:
            return
        if self.adapter is None:
            self.model = self.parts.build()
        else:
            self.model = scored_as_trained(self.adapter, self.parts, self.parts.base.build())
        if self.recompute:
            self.model.base.recompute()

    @property
    def base(self) -> Tracker | None:
        """The tracker with its strategy; None before it is built."""
        return None if self.model is None else self.model.base

    @property
    def built(self) -> FewShotModel:
        """The model, once it is built.

        Raises:
            ValueError: it is not built yet.
        """
        if self.model is None:
            msg = "FewShotModule: expected configure_model() first, which builds the model; the trainer calls it"
            raise ValueError(msg)
        return self.model

    def train(self, mode: bool = True) -> FewShotModule:
        """Train mode for trained modules; frozen ones stay in eval mode."""
        super().train(mode)
        if self.model is not None and self.memory_dropout:
            base = self.model.base
            base.get_submodule(base.parts()["memory_attention"][0]).train(mode)
        return self

    def on_train_start(self) -> None:
        """Set train mode: Lightning 2 keeps the modes that it finds, and a newly built base is in eval mode."""
        self.train()

    def training_step(self, batch: ClipBatch, batch_idx: int) -> Tensor:
        """The paper's objective: each target's prediction becomes memory for the next; the loss is on all targets."""
        torch.manual_seed(self.dropout_seed(batch_idx))
        logits = self.built(batch, propagate_targets=True).logits[:, batch.shots :]
        loss = self.losses(logits, batch.masks[:, batch.shots :])
        size = len(batch.episodes)
        self.log("train/loss", loss.total, prog_bar=True, batch_size=size)
        self.log_dict({f"train/{name}": value for name, value in loss.terms.items()}, batch_size=size)
        total: Tensor = loss.total
        return total

    def dropout_seed(self, batch_idx: int) -> int:
        """Seed of a training step: the same after an interruption, different in each process and run."""
        place = self.global_step * 100_003 + batch_idx  # several batches may share a step
        own = place * self.trainer.world_size + self.global_rank
        seed = getattr(self.trainer.datamodule, "seed", 0)  # type: ignore[attr-defined]
        # On the CPU only the lower 32 bits count; an odd factor spreads seeds over all of them, and keeps 0.
        return (own + seed * 0x9E3779B97F4A7C15) % 2**64

    def validation_step(self, batch: EvaluationBatch, batch_idx: int) -> None:
        """Count each target, segmented from the references alone."""
        self.metric.update(self.segment, batch)

    def test_step(self, batch: EvaluationBatch, batch_idx: int) -> Tensor:
        """The same as in validation, and the controls if the batch has their data; returns the targets' logits."""
        return self.metric.update(self.segment, batch)

    def predict_step(self, batch: EvaluationBatch, batch_idx: int) -> list[list[Predicted]]:
        """Masks of each clip's targets, at original size if the batch has it, else at clip size, and their scores."""
        logits = self.segment(batch.clips)
        scores = Answers.of(logits - self.cut).iou.tolist()
        return [
            [Predicted(mask > self.cut, score) for mask, score in zip(clip, own, strict=True)]
            for clip, own in zip(target_logits(batch, logits), scores, strict=True)
        ]

    def on_validation_epoch_end(self) -> None:
        """Log the scores."""
        self._conclude("val")

    def on_test_epoch_end(self) -> None:
        """Log the scores."""
        self._conclude("test")

    def configure_optimizers(self) -> OptimizerLRScheduler:
        """The optimiser over the trained parameters.

        Raises:
            ValueError: nothing trains, or a schedule has no end.
        """
        parameters = list(self.built.trained().values())
        if not parameters:
            msg = f"fit: {type(self.parts.strategy).__name__} trains nothing; use validate or test, or another strategy"
            raise ValueError(msg)
        optimizer = self.optimizer(parameters)
        if self.schedule == "constant":
            return optimizer
        steps = self.trainer.estimated_stepping_batches
        if math.isinf(steps):
            msg = (
                f"model.schedule: {self.schedule} needs a last step, but trainer.max_epochs is "
                f"{self.trainer.max_epochs}; set trainer.max_steps, or schedule to constant"
            )
            raise ValueError(msg)
        schedules = torch.optim.lr_scheduler
        scheduler = (
            schedules.CosineAnnealingLR(optimizer, T_max=int(steps))
            if self.schedule == "cosine"
            else schedules.PolynomialLR(optimizer, total_iters=int(steps), power=self.schedule_power)
        )
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": scheduler, "interval": "step"}}

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Add the header, and keep only the trained tensors."""
        checkpoint[HEADER] = self.built.header()
        checkpoint["state_dict"] = trained_state(self.built)

    def on_load_checkpoint(self, checkpoint: Mapping[str, Any]) -> None:
        """Load trained tensors, strictly.

        Raises:
            ValueError: the checkpoint belongs to another base, strategy or method, or its tensors do not fit.
        """
        load_checkpoint(self.built, checkpoint, "checkpoint")

    def header(self) -> dict[str, Any]:
        """The header of a checkpoint: strategy, method, base, fingerprint."""
        return self.built.header()

    def record(self) -> dict[str, Any]:
        """Strategy, base and scores, for the run's result; empty before the base is built."""
        if self.base is None:
            return {}
        metrics = {phase: scores.as_plain() for phase, scores in self.scores.items()}
        for phase, controls in self.controls.items():
            metrics[phase]["controls"] = controls._asdict()
        for phase, more in self.more.items():
            metrics[phase] |= {"more": more} if more else {}
        trained = sum(parameter.numel() for parameter in self.built.trained().values())
        return {**self.header(), "trained_parameters": trained, "metrics": metrics}

    def segment(self, batch: ClipBatch) -> Tensor:
        """Logits of the targets from the references alone, float32 [B, N, H, W] at clip size."""
        logits = self.built(batch, propagate_targets=False).logits[:, batch.shots :]
        self.damaged.count(logits)
        return logits

    def on_predict_epoch_end(self) -> None:
        """Check that the logits are finite."""
        self.damaged.look(self.trainer, "predict")

    def _conclude(self, phase: Phase) -> None:
        self.damaged.look(self.trainer, phase)
        controlled = phase == "test" and self.trainer.datamodule.controls  # type: ignore[attr-defined]
        scores, controls = self.metric.score.compute(), self.metric.controls.compute() if controlled else None
        more = self.metric.compute_more()
        self.metric.reset()
        if not self.trainer.sanity_checking:
            self.keep(phase, scores, controls)
            self.more[phase] = more
            self.log_dict({f"{phase}/{name}": value for name, value in more.items()}, sync_dist=True)

    def keep(self, phase: str, scores: FewShotScores, controls: ControlScores | None) -> None:
        """Keep scores for the run's result, and log them."""
        self.scores[phase] = scores
        values = {f"{phase}/miou": scores.miou, f"{phase}/fb_iou": scores.fb_iou}
        if controls is not None:
            self.controls[phase] = controls
            values |= {f"{phase}/{name}": value for name, value in controls._asdict().items() if value is not None}
        # Equal on all processes already; sync_dist tells Lightning so.
        self.log_dict(values, prog_bar=phase == "val", sync_dist=True)
