"""The base of all datamodules: deals clips to processes, loads them, and ends the loading processes."""

from __future__ import annotations

from functools import partial
from typing import Any

import torch
from lightning.pytorch import LightningDataModule
from lightning.pytorch.trainer.states import TrainerFn
from torch.utils.data import Dataset

from sansa_lightning.clips.batch import ClipBatch
from sansa_lightning.clips.evaluation import EvaluationBatch, Stack
from sansa_lightning.data.episodes.dataset import ClipList, FilledDataset
from sansa_lightning.data.loading.loader import (
    DONE,
    Batch,
    ClipLoader,
    EvalBatches,
    TrainBatches,
    TrainLoader,
    check_same_training,
    training_of,
)


class LoadingDataModule(LightningDataModule):
    """A datamodule that makes its loaders by :meth:`training` and :meth:`evaluation`.

    A checkpoint records the settings that determine the training clips, and a run resumes only with the same ones. They
    are checked when the checkpoint is loaded, since the loader may be built before the training loop knows that it
    resumes.

    Args:
        batch_size: training clips per step in each process.
        eval_batch_size: clips per step in each process, in validation, test and prediction.
        num_workers: loading processes for each loader; 0 loads in the main process.

    Raises:
        ValueError: a number is too small.
    """

    def __init__(self, batch_size: int, eval_batch_size: int, num_workers: int) -> None:
        super().__init__()
        at_least(1, batch_size=batch_size, eval_batch_size=eval_batch_size)
        at_least(0, num_workers=num_workers)
        self.batch_size = batch_size
        self.eval_batch_size = eval_batch_size
        self.num_workers = num_workers
        self._loaders: list[ClipLoader] = []

    def training_list(self) -> tuple[int, str] | None:
        """The number of clips in a training epoch, and their identity; None if there is no list (yet)."""
        return None

    def state_dict(self) -> dict[str, Any]:
        """The settings that determine the clips of the next step, for a checkpoint."""
        found = self.training_list()
        if self.trainer is None or found is None:
            return {}
        state = training_of(TrainBatches(found[0], self.batch_size, *self.place()), found[1])
        return {**state, DONE: self.trainer.fit_loop.epoch_loop.batch_progress.total.completed}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Check that a resumed run trains on the clips that it would have trained on.

        Raises:
            ValueError: it would not, or the state is malformed; names the differences.
        """
        fitting = self.trainer is not None and self.trainer.state.fn == TrainerFn.FITTING
        found = self.training_list()
        if fitting and found is not None:
            batches = TrainBatches(found[0], self.batch_size, *self.place())
            check_same_training(state_dict, training_of(batches, found[1]))

    def training(self, clips: Dataset[Any], length: int, identity: str, collate: Stack) -> ClipLoader:
        """Batches of training clips for this process; a resumed run continues where it stopped.

        Args:
            clips: index -> clip.
            length: number of clips in an epoch.
            identity: of the clips, so that a run does not resume with others.
            collate: stacks them.
        """
        batches = TrainBatches(length, self.batch_size, *self.place())
        return self._keep(TrainLoader(clips, batches, self.num_workers, self.steps_done, identity, collate))

    def evaluation(self, clips: ClipList, collate: Stack = ClipBatch.collate) -> ClipLoader:
        """Batches of the clips of a fixed list for this process, as :class:`EvaluationBatch`.

        Args:
            clips: the list.
            collate: stacks the clips that the methods see.
        """
        rank, processes = self.place()
        filled = FilledDataset(clips, processes)
        batches = EvalBatches(len(filled), self.eval_batch_size, rank, processes)
        whole = partial(EvaluationBatch.collate, stack=collate)
        return self._keep(ClipLoader(filled, batches, self.num_workers, whole))

    def transfer_batch_to_device(self, batch: Batch, device: torch.device, dataloader_idx: int) -> Batch:
        """Move a batch, to a GPU without waiting; Lightning's own way waits for each tensor."""
        return batch.to(device, non_blocking=device.type == "cuda")

    def episode_index(self, batch: int, position: int) -> int:
        """Index in the list of the clip at ``position`` in this process's evaluation batch number ``batch``."""
        rank, processes = self.place()
        return rank + processes * (batch * self.eval_batch_size + position)

    def place(self) -> tuple[int, int]:
        """This process and the number of processes."""
        return (0, 1) if self.trainer is None else (self.trainer.global_rank, self.trainer.world_size)

    def steps_done(self) -> int:
        """Batches trained on so far, by the loop's own count, which it restores and corrects when it resumes."""
        if self.trainer is None or not self.trainer.training:
            return 0
        # ``total``, not epoch and place: with ``max_steps`` set, a run that resumes from the end of an epoch counts an
        # empty one (Lightning 2.6).
        return self.trainer.fit_loop.epoch_loop.batch_progress.total.completed

    def teardown(self, stage: str) -> None:
        """End the loading processes."""
        for loader in self._loaders:
            loader.close()
        self._loaders.clear()

    def on_exception(self, exception: BaseException) -> None:
        """End the loading processes of a failed run, for which ``teardown`` is not called."""
        self.teardown("")

    def _keep(self, loader: ClipLoader) -> ClipLoader:
        self._loaders.append(loader)
        return loader


MOST = {
    **dict.fromkeys(("shots", "train_shots", "train_targets"), 1000),
    **dict.fromkeys(("val_episodes", "test_episodes"), 10**7),
    **dict.fromkeys(("seed", "test_seed"), 2**32 - 1),
    "num_workers": 1024,
}
"""Limits of arguments that hang a run if a typing error makes them huge; the limit of all others is 10^9."""


def at_least(least: int, **values: int) -> None:
    """Check arguments of a datamodule.

    Raises:
        ValueError: one is less than ``least``, or absurdly large; names its key.
    """
    for name, value in values.items():
        most = MOST.get(name, 10**9)
        if value < least:
            msg = f"data.{name}: expected at least {least}, but got {value}"
            raise ValueError(msg)
        if value > most:
            msg = f"data.{name}: expected at most {most}, but got {value}"
            raise ValueError(msg)
