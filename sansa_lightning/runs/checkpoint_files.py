"""Writing checkpoint files: when, and whole or not at all, with only tensors and plain values."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from lightning.fabric.plugins import CheckpointIO
from lightning.fabric.utilities.types import _PATH
from lightning.pytorch import LightningDataModule, LightningModule, Trainer
from lightning.pytorch.callbacks import Checkpoint
from lightning.pytorch.loops.loop import _Loop

from sansa_lightning.checkpoints.header import HEADER, tensors_by_name
from sansa_lightning.files.tensor_files import read_tensors
from sansa_lightning.files.whole import replacing
from sansa_lightning.metrics.few_shot_iou import FewShotScores
from sansa_lightning.metrics.tracking import TrackingScore
from sansa_lightning.runs.state import check_run_state

log = logging.getLogger(__name__)

SETTINGS = tuple(
    key
    for each in (LightningModule, LightningDataModule)
    for key in (each.CHECKPOINT_HYPER_PARAMS_KEY, each.CHECKPOINT_HYPER_PARAMS_NAME, each.CHECKPOINT_HYPER_PARAMS_TYPE)
)
"""Keys of a checkpoint's own settings, which are not read: the configuration decides."""

STATE = ("loops", "callbacks", "optimizer_states", "lr_schedulers")
"""Keys of the states that only a resumed run reads."""

SCORES = "scores"
"""Key of a checkpoint: the run's scores so far, phase -> plain values."""


class AtomicCheckpointIO(CheckpointIO):
    """Checkpoints on a local file system.

    Args:
        goes_on: whether a run resumes from the checkpoint; otherwise only the tensors are used.
    """

    def __init__(self, goes_on: bool = True) -> None:
        self.goes_on = goes_on

    def save_checkpoint(self, checkpoint: dict[str, Any], path: _PATH, storage_options: Any | None = None) -> None:
        """Write to a temporary name, then rename."""
        with replacing(Path(path)) as partial:
            torch.save(checkpoint, partial)

    def load_checkpoint(self, path: _PATH, map_location: Any | None = None, weights_only: bool | None = None) -> Any:
        """Read onto the CPU, without running code from the file, and without its own settings."""
        unread = SETTINGS if self.goes_on else (*SETTINGS, *STATE)
        return {key: value for key, value in read_tensors(Path(path)).items() if key not in unread}

    def remove_checkpoint(self, path: _PATH) -> None:
        """Delete the file, unless its path leads upwards.

        Callbacks remember names of files in the checkpoint, and Lightning takes any that start with their folder for
        theirs, even ``folder/../../anything``.
        """
        if ".." in Path(path).parts:
            log.warning("checkpoint: %s is not removed; it lies outside the folder of the checkpoints", path)
            return
        Path(path).unlink(missing_ok=True)


def read_checkpoint(path: Path) -> dict[str, Any]:
    """The content of the file that a command line names as its checkpoint, unchecked.

    Raises:
        FileNotFoundError: no such file.
        ValueError: it cannot be read.
    """
    if not path.is_file():
        msg = f"ckpt_path: {path} is not there; give a checkpoint file, or leave it out to start a new run"
        raise FileNotFoundError(msg)
    return read_tensors(path)


def check_checkpoint(content: Mapping[str, Any], path: Path, goes_on: bool = False) -> None:
    """Check that a file is a checkpoint of a run of this project, before anything is built for it.

    Args:
        content: of the file.
        path: of the file, for the message.
        goes_on: whether training resumes from it.

    Raises:
        ValueError: it is something else, or incomplete.
    """
    where = f"ckpt_path: {path}"
    if not content.keys() >= {HEADER, "state_dict"}:
        msg = (
            f"{where} is not a checkpoint of a run; published adapter files are read by "
            f"sansa_lightning.load(..., adapter=PATH)"
        )
        raise ValueError(msg)
    check_run_state(content, where, goes_on)
    tensors_by_name(content, where)


class LastCheckpoint(Checkpoint):
    """Keeps one file up to date to resume from: every ``every`` steps, and at the end of each epoch.

    Lightning's ModelCheckpoint does one or the other. To keep the best of several, add one to ``trainer.callbacks``.
    If a validation follows a step, the file is written after it, with its scores, so that a resumed run does not repeat
    it.

    Args:
        path: the file.
        every: optimiser steps between writes within an epoch, at least 1.
    """

    def __init__(self, path: Path, every: int) -> None:
        super().__init__()
        if every < 1:
            msg = f"checkpoint_every: expected at least 1 step, but got {every}"
            raise ValueError(msg)
        self.path = path
        self.every = every
        self._written_at = 0
        self._after_validation = False

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Begin the next epoch if a run with ``max_steps`` resumes from the end of one.

        Lightning 2.6 would count the finished epoch twice, and so end an epoch too early:
        https://github.com/Lightning-AI/pytorch-lightning/issues/19617.
        """
        loop = trainer.fit_loop
        if loop.restarted_on_epoch_end:
            loop.epoch_progress.increment_completed()
            loop.reset_restart_stage()
            loop.epoch_loop.reset_restart_stage()
            # The loop's own setter takes every run with max_steps for one stopped in mid-epoch; hence the setter of
            # the base class, which is private: _FitLoop.restarting in
            # https://github.com/Lightning-AI/pytorch-lightning/blob/2.6.0/src/lightning/pytorch/loops/fit_loop.py
            _Loop.restarting.fset(loop, False)  # type: ignore[attr-defined]

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Write if it is time; the end of an epoch writes anyway."""
        step = trainer.global_step
        if step % self.every == 0 and step != self._written_at and not trainer.is_last_batch:
            self._after_validation = _validation_follows(trainer)
            if not self._after_validation:
                self._write(trainer)

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Write if it was time before the validation."""
        if self._after_validation and not trainer.sanity_checking:
            self._write(trainer)

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Write."""
        self._write(trainer)

    def on_save_checkpoint(self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]) -> None:
        """Keep the scores so far."""
        scores = getattr(pl_module, "scores", {})
        checkpoint[SCORES] = {stage: each.as_plain() for stage, each in scores.items()}

    def on_load_checkpoint(self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]) -> None:
        """Give the module its scores back: a run that had reached its last step does not validate again.

        Raises:
            ValueError: they are not scores.
        """
        try:
            kept = {str(stage): _scores(each) for stage, each in checkpoint.get(SCORES, {}).items()}
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            msg = f"checkpoint: its {SCORES} are not those of a run ({type(error).__name__}: {error})"
            raise ValueError(msg) from error
        scores: Any = getattr(pl_module, "scores", {})
        scores.update(kept)

    def _write(self, trainer: Trainer) -> None:
        self._written_at = trainer.global_step
        self._after_validation = False
        trainer.save_checkpoint(self.path, weights_only=False)  # with the state of optimiser and loops, to resume from


def _scores(plain: Mapping[str, Any]) -> FewShotScores | TrackingScore:
    return TrackingScore(**plain) if "j" in plain else FewShotScores.from_plain(plain)


def _validation_follows(trainer: Trainer) -> bool:
    """Whether the training loop validates before its next step.

    Only the loop knows, and has no public answer: the rule depends on seven settings and the state of the loader, see
    ``_should_check_val_fx`` in
    https://github.com/Lightning-AI/pytorch-lightning/blob/2.6.0/src/lightning/pytorch/loops/training_epoch_loop.py.
    """
    loop = trainer.fit_loop
    return loop._data_fetcher is not None and loop.epoch_loop._should_check_val_fx(loop._data_fetcher)
