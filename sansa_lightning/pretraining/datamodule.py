"""Tracking clips for pretraining and for the tracking score."""

from __future__ import annotations

from typing import Any, Literal

from lightning.pytorch import LightningDataModule

from sansa_lightning.data.dataset import FilledDataset
from sansa_lightning.data.loader import ClipLoader, EvalBatches, TrainBatches, TrainLoader
from sansa_lightning.data.patterns.tracking import TrackingClips, collate
from sansa_lightning.data.prompts import Prompter

Part = Literal["train", "val", "test"]


class TrackingDataModule(LightningDataModule):
    """Clips of one moving object, without classes; validation and test show tiles that training never does.

    The validation list is the beginning of the test list. References are prompted by their masks there.

    Args:
        frames: T of a training clip.
        eval_frames: T of a validation or test clip.
        train_length: training clips of an epoch.
        val_clips: validation clips.
        test_clips: test clips.
        batch_size: training clips a step.
        eval_batch_size: clips a step in validation and test.
        num_workers: loading processes for each loader; 0 loads in the main process.
        seed: of the clips.
        tiles: surfaces of the training clips; validation and test show others.
        same_palette: probability that all distractors wear the tracked object's palette.
        same_pattern: probability that one distractor has its pattern, in other colours.
        jump: probability of a clip without continuous movement.
        prompters: how the reference of a training clip is annotated, each as likely; by its mask if None.
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
        super().__init__()
        self.tiles = tiles
        self.seed = seed
        self.batch_size = batch_size
        self.eval_batch_size = eval_batch_size
        self.num_workers = num_workers
        common: dict[str, Any] = {
            "seed": seed,
            "tiles": tiles,
            "same_palette": same_palette,
            "same_pattern": same_pattern,
            "jump": jump,
        }
        self.clips: dict[Part, TrackingClips] = {
            "train": TrackingClips(train_length, "train", frames, prompters=prompters, **common),
            "val": TrackingClips(val_clips, "val", eval_frames, **common),
            "test": TrackingClips(test_clips, "val", eval_frames, **common),
        }
        self._loaders: list[ClipLoader] = []

    def setup(self, stage: str) -> None:
        """Nothing: clips are functions of their index."""

    def teardown(self, stage: str) -> None:
        """End the loading processes."""
        for loader in self._loaders:
            loader.close()
        self._loaders.clear()

    def on_exception(self, exception: BaseException) -> None:
        """End the loading processes of a run that failed, for which ``teardown`` is not called."""
        self.teardown("")

    def train_dataloader(self) -> ClipLoader:
        """Batches of training clips for this process; a resumed run goes on where it stopped."""
        clips = self.clips["train"]
        batches = TrainBatches(len(clips), self.batch_size, *self._place())
        identity = f"tracking clips of seed {self.seed}"
        return self._keep(TrainLoader(clips, batches, self.num_workers, self._steps_done, identity, collate))

    def val_dataloader(self) -> ClipLoader:
        """Batches of validation clips for this process."""
        return self._eval_loader("val")

    def test_dataloader(self) -> ClipLoader:
        """Batches of test clips for this process."""
        return self._eval_loader("test")

    def _eval_loader(self, part: Part) -> ClipLoader:
        rank, processes = self._place()
        filled = FilledDataset(self.clips[part], processes)
        batches = EvalBatches(len(filled), self.eval_batch_size, rank, processes)
        return self._keep(ClipLoader(filled, batches, self.num_workers, collate))

    def _keep(self, loader: ClipLoader) -> ClipLoader:
        self._loaders.append(loader)
        return loader

    def _place(self) -> tuple[int, int]:
        """This process and the number of processes."""
        return (0, 1) if self.trainer is None else (self.trainer.global_rank, self.trainer.world_size)

    def _steps_done(self) -> int:
        """Batches that were trained on, by the loop's own count (see ``EpisodeDataModule``)."""
        if self.trainer is None or not self.trainer.training:
            return 0
        return self.trainer.fit_loop.epoch_loop.batch_progress.total.completed
