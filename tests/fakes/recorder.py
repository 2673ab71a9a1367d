"""The smallest module that trains and tests on clips and remembers which."""

from __future__ import annotations

import os
from pathlib import Path

import torch
from lightning.pytorch import LightningModule

from sansa_lightning.clips.batch import ClipBatch
from sansa_lightning.clips.evaluation import EvaluationBatch


class KilledError(Exception):
    """Stands for whatever ends a run in mid-step."""


class Recorder(LightningModule):
    """Writes the episodes of each step, one line of JSON each, to ``<folder>/<stage>-<process>.jsonl``.

    Args:
        folder: where to.
        kill_at: the training step, counted from 1 in this run, in which the run ends before it has learnt.
    """

    def __init__(self, folder: Path, kill_at: int | None = None) -> None:
        super().__init__()
        self.folder = folder
        self.kill_at = kill_at
        self.steps = 0
        self.weight = torch.nn.Parameter(torch.zeros(()))

    def training_step(self, batch: ClipBatch, batch_idx: int) -> torch.Tensor:
        self.steps += 1
        if self.steps == self.kill_at:
            raise KilledError
        self._write("train", batch, [True] * len(batch.episodes))
        return self.weight * batch.images.float().mean()

    def validation_step(self, batch: EvaluationBatch, batch_idx: int) -> None:
        self._write("val", batch.clips, batch.scored.tolist())

    def test_step(self, batch: EvaluationBatch, batch_idx: int) -> None:
        self._write("test", batch.clips, batch.scored.tolist())
        # A collective operation in each step: it hangs where processes have unequal numbers of batches.
        self.log("scored", batch.scored.float().sum(), sync_dist=True, reduce_fx="sum", batch_size=1)

    def predict_step(self, batch: EvaluationBatch, batch_idx: int) -> None:
        self._write("predict", batch.clips, batch.scored.tolist())

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), lr=0.1)

    def read(self, stage: str, rank: int = 0) -> list[str]:
        """The lines that a process has written; ``* `` before those that are not scored."""
        path = self.folder / f"{stage}-{rank}.jsonl"
        return path.read_text().splitlines() if path.exists() else []

    def _write(self, stage: str, clips: ClipBatch, counted: list[bool]) -> None:
        with (self.folder / f"{stage}-{self.global_rank}.jsonl").open("a") as file:
            for episode, scored in zip(clips.episodes, counted, strict=True):
                file.write(f"{'' if scored else '* '}{episode.to_json()}{os.linesep}")
