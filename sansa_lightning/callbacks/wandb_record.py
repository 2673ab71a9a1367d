"""Additions to a W&B run: a table of the classes, and pictures of example episodes."""

from __future__ import annotations

from typing import Any

import torch.nn.functional as F
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import Callback
from PIL import Image
from torch import Tensor

from sansa_lightning.clips.batch import ClipBatch
from sansa_lightning.clips.evaluation import EvaluationBatch
from sansa_lightning.figures.overlays import episode_picture
from sansa_lightning.metrics.few_shot_iou import ClassScore, FewShotScores
from sansa_lightning.module import FewShotModule
from sansa_lightning.runs.wandb import wandb_loggers

EPISODES = 8
"""Number of pictures of a test."""

SIDE = 256
"""Pixels of a frame's longer side in a picture; larger clips are made smaller."""


class WandbRecord(Callback):
    """Logs a table of the classes after each validation and test, and pictures of the first test episodes.

    ``val/classes``, ``test/classes`` and, where the frozen base is compared, ``frozen/classes`` have a row for each
    class. ``test/episodes`` are ``EPISODES`` pictures: references with their masks in blue, the target with the
    prediction in red and the truth outlined in green. With several processes they are the first ones of the first
    process. Without a W&B logger it does nothing.
    """

    def __init__(self) -> None:
        self._pictures: dict[str, Image.Image] = {}

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Log the table of the classes."""
        if not trainer.sanity_checking:
            log_classes(trainer, pl_module, "val")

    def on_test_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: Any,
        batch: EvaluationBatch,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        """Draw the first episodes."""
        if not trainer.is_global_zero or not wandb_loggers(trainer) or not isinstance(pl_module, FewShotModule):
            return
        data = trainer.datamodule  # type: ignore[attr-defined]
        for number, logits in enumerate(outputs):
            if len(self._pictures) < EPISODES and batch.scored[number]:
                name = data.class_names[batch.clips.episodes[number].class_id]
                caption = f"episode {data.episode_index(batch_idx, number)}: {name}"
                self._pictures[caption] = picture_of(batch.clips, number, logits > pl_module.cut, name)

    def on_test_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Log the tables of the classes and the pictures."""
        for phase in sorted(set(getattr(pl_module, "scores", {})) - {"val"}):
            log_classes(trainer, pl_module, phase)
        if self._pictures:
            captions, pictures = list(self._pictures), list(self._pictures.values())
            for logger in wandb_loggers(trainer):
                logger.log_image("test/episodes", pictures, step=trainer.global_step, caption=captions)
            self._pictures = {}


def log_classes(trainer: Trainer, module: LightningModule, phase: str) -> None:
    """Log a module's last scores as the table ``<phase>/classes``, a :class:`ClassScore` in each row."""
    scores = getattr(module, "scores", {}).get(phase)
    if trainer.is_global_zero and isinstance(scores, FewShotScores):
        rows = [list(score) for score in scores.classes]
        for logger in wandb_loggers(trainer):
            logger.log_table(f"{phase}/classes", list(ClassScore._fields), rows, step=trainer.global_step)


def picture_of(batch: ClipBatch, number: int, masks: Tensor, name: str) -> Image.Image:
    """The clip at place ``number`` of a batch, not larger than ``SIDE``.

    Args:
        batch: the clips.
        number: which of them.
        masks: bool [N, H, W], predicted for its targets, of any size.
        name: of its class.
    """
    images, truths = batch.images[number], batch.masks[number]
    scale = SIDE / max(images.shape[-2:])
    if scale < 1:
        resized = F.interpolate(images.float(), scale_factor=scale, mode="bilinear", antialias=True)
        images = resized.round().byte()
        truths = F.interpolate(truths[None], images.shape[-2:], mode="nearest")[0]
    return episode_picture(images, truths, list(masks), name)
