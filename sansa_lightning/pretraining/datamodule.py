"""Tracking clips for pretraining and for the tracking score."""

from __future__ import annotations

from typing import Any, Literal

from sansa_lightning.data.loading.datamodule_base import LoadingDataModule, at_least
from sansa_lightning.data.loading.loader import ClipLoader
from sansa_lightning.data.patterns.tracking import TrackingBatch, TrackingClips
from sansa_lightning.data.prompts import Prompter

Phase = Literal["train", "val", "test"]


class TrackingDataModule(LoadingDataModule):
    """Clips of one moving object, without classes; validation and test show tiles that training never shows.

    The validation list is the beginning of the test list. Both prompt references by their masks.

    Args:
        frames: T of a training clip.
        eval_frames: T of a validation or test clip.
        train_length: training clips of an epoch.
        val_clips: validation clips.
        test_clips: test clips.
        batch_size: training clips per step.
        eval_batch_size: clips per step in validation and test.
        num_workers: loading processes for each loader; 0 loads in the main process.
        seed: of the clips.
        tiles: surfaces of the training clips; validation and test show others.
        same_palette: probability that all distractors wear the tracked object's palette.
        same_pattern: probability that one distractor has its pattern, in other colours.
        jump: probability of a clip without continuous movement.
        prompters: annotate the reference of a training clip, each equally likely; None for its mask.
    """

    def __init__(
        self,
        frames: int = 3,
        eval_frames: int = 4,
        train_length: int = 800,
        val_clips: int = 64,
        test_clips: int = 500,
        batch_size: int = 8,
        eval_batch_size: int = 16,
        num_workers: int = 0,
        seed: int = 0,
        tiles: int = 120,
        same_palette: float = 0.15,
        same_pattern: float = 0.40,
        jump: float = 0.5,
        prompters: list[Prompter] | None = None,
    ) -> None:
        super().__init__(batch_size, eval_batch_size, num_workers)
        at_least(1, tiles=tiles, train_length=train_length, val_clips=val_clips, test_clips=test_clips)
        at_least(2, frames=frames, eval_frames=eval_frames)
        self.tiles = tiles
        self.seed = seed
        common: dict[str, Any] = {
            "seed": seed,
            "tiles": tiles,
            "same_palette": same_palette,
            "same_pattern": same_pattern,
            "jump": jump,
        }
        self.clips: dict[Phase, TrackingClips] = {
            "train": TrackingClips(train_length, "train", frames, prompters=prompters, **common),
            "val": TrackingClips(val_clips, "val", eval_frames, **common),
            "test": TrackingClips(test_clips, "val", eval_frames, **common),
        }

    def setup(self, stage: str) -> None:
        """Do nothing: clips depend only on their index."""

    def record(self) -> dict[str, Any]:
        """The seed of the clips, for the run's result."""
        return {"seed": self.seed}

    def train_dataloader(self) -> ClipLoader:
        """Batches of training clips for this process; a resumed run continues where it stopped."""
        return self.training(self.clips["train"], *self.training_list(), TrackingBatch.collate)

    def training_list(self) -> tuple[int, str]:
        """See :meth:`LoadingDataModule.training_list`."""
        return len(self.clips["train"]), f"tracking clips of seed {self.seed}"

    def val_dataloader(self) -> ClipLoader:
        """Batches of validation clips for this process."""
        return self.evaluation(self.clips["val"], TrackingBatch.collate)

    def test_dataloader(self) -> ClipLoader:
        """Batches of test clips for this process."""
        return self.evaluation(self.clips["test"], TrackingBatch.collate)
