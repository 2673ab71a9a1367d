"""The score of each test target, and the speed of the test, for comparisons of runs."""

from __future__ import annotations

import time
from pathlib import Path
from statistics import median
from typing import Any

import torch
from lightning.pytorch import Callback, LightningModule, Trainer

from sansa_lightning.clips.evaluation import EvaluationBatch
from sansa_lightning.metrics.few_shot_iou import overlap_counts
from sansa_lightning.metrics.scoring import ScoredTargets
from sansa_lightning.module import FewShotModule
from sansa_lightning.runs.episode_scores import TargetScore, write_scores


class EpisodeScores(Callback):
    """Writes a line for each scored target of ``test``, of all processes, and measures how fast frames are segmented.

    The speed is in the run's result as ``frames_per_second``: frames of a batch, references and wrong clips included,
    by the time of its step, scoring included; the median over all batches but the first, over one process.

    Args:
        path: of the CSV, see :class:`~sansa_lightning.runs.episode_scores.TargetScore`.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._scores: list[TargetScore] = []
        self._speeds: list[float] = []
        self._began = 0.0

    def on_test_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Begin anew."""
        self._scores, self._speeds = [], []

    def on_test_batch_start(
        self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int, dataloader_idx: int = 0
    ) -> None:
        """Start the clock."""
        self._began = _now(pl_module)

    def on_test_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: Any,
        batch: EvaluationBatch,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        """Stop the clock, and count each target of the batch."""
        if not isinstance(pl_module, FewShotModule):
            return
        self._speeds.append(_frames(batch) / max(_now(pl_module) - self._began, 1e-9))
        targets, per_clip = ScoredTargets.of(batch, outputs), outputs.shape[1]
        for place, mask in enumerate(targets.masks(pl_module.cut)):
            number, target = divmod(place, per_clip)
            if batch.scored[number]:
                shared, union = (each[0, 1].item() for each in overlap_counts(mask[None], targets.truths[place][None]))
                episode = batch.clips.episodes[number]
                index = trainer.datamodule.episode_index(batch_idx, number)  # type: ignore[attr-defined]
                names = (str(episode.targets[target]), " ".join(map(str, episode.references)))
                self._scores.append(TargetScore(index, episode.class_id, *names, int(shared), int(union)))

    def on_test_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Write the targets of all processes."""
        everything: list[Any] = [self._scores]
        if trainer.world_size > 1:
            everything = [None] * trainer.world_size
            torch.distributed.all_gather_object(everything, self._scores)
        if trainer.is_global_zero:
            write_scores(self.path, (score for part in everything for score in part))

    def record(self) -> dict[str, Any]:
        """The speed, for the run's result; empty before the second batch."""
        return {"frames_per_second": round(median(self._speeds[1:]), 2)} if len(self._speeds) > 1 else {}


def _frames(batch: EvaluationBatch) -> int:
    """Frames that the step of a batch has segmented."""
    wrong = None if batch.controls is None else batch.controls.wrong
    clips = [batch.clips] if wrong is None else [batch.clips, wrong.clips]
    return sum(each.images.shape[0] * each.images.shape[1] for each in clips)


def _now(module: LightningModule) -> float:
    """Seconds, once the device has done what was asked of it."""
    if module.device.type == "cuda":
        torch.cuda.synchronize(module.device)
    return time.perf_counter()
