"""When and how checkpoint files are written: whole or not at all, and only tensors and plain values."""

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
"""Keys under which a checkpoint may have settings of its own: the configuration has the say, and they are not read."""

STATE = ("loops", "callbacks", "optimizer_states", "lr_schedulers")
"""Keys of what only a run that goes on takes."""

SCORES = "scores"
"""Key of a checkpoint: what the run had scored by then, stage -> plain values."""


class AtomicCheckpointIO(CheckpointIO):
    """Checkpoints on a local file system.

    Args:
        goes_on: whether a run goes on from what is read; the others take the tensors alone.
    """

    def __init__(self, goes_on: bool = True) -> None:
        self.goes_on = goes_on

    def save_checkpoint(self, checkpoint: dict[str, Any], path: _PATH, storage_options: Any | None = None) -> None:
        """Write to a temporary name, then rename."""
        with replacing(Path(path)) as partial:
            torch.save(checkpoint, partial)

    def load_checkpoint(self, path: _PATH, map_location: Any | None = None, weights_only: bool | None = None) -> Any:
        """Read onto the CPU, without running any code from the file and without its own settings."""
        unread = SETTINGS if self.goes_on else (*SETTINGS, *STATE)
        return {key: value for key, value in read_tensors(Path(path)).items() if key not in unread}

    def remove_checkpoint(self, path: _PATH) -> None:
        """Delete the file, unless its path leads upwards.

        Callbacks remember names of files in the checkpoint, and Lightning takes what starts with their folder for
        theirs, ``folder/../../anything`` too.
        """
        if ".." in Path(path).parts:
            log.warning("checkpoint: %s is not removed; it lies outside the folder of the checkpoints", path)
            return
        Path(path).unlink(missing_ok=True)


def read_checkpoint(path: Path) -> dict[str, Any]:
    """The content of a file that a command line names as its checkpoint, whatever it is.

    Raises:
        FileNotFoundError: no such file.
        ValueError: it cannot be read.
    """
    if not path.is_file():
        msg = f"ckpt_path: {path} is not there; give a checkpoint file, or leave it out to start anew"
        raise FileNotFoundError(msg)
    return read_tensors(path)


def check_checkpoint(content: Mapping[str, Any], path: Path, goes_on: bool = False) -> None:
    """See that a file is a checkpoint of a run of this project, before anything is built for it.

    Args:
        content: of the file.
        path: of the file, for the message.
        goes_on: whether training is to go on from it.

    Raises:
        ValueError: it is something else, or is not whole.
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
    """Keeps one file up to date, to go on from: every so many steps, and at the end of each epoch.

    Lightning's ModelCheckpoint does one or the other. To keep the best of several, add one to ``trainer.callbacks``.
    Where a validation follows on a step, the file is written after it: a run that goes on does not repeat it. The
    checkpoint has its scores, too.

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
        """Begin the next epoch where a run with ``max_steps`` goes on from the end of one.

        Lightning 2.6 would count the epoch that is over once more, and so end an epoch too early:
        https://github.com/Lightning-AI/pytorch-lightning/issues/19617.
        """
        loop = trainer.fit_loop
        if loop.restarted_on_epoch_end:
            loop.epoch_progress.increment_completed()
            loop.reset_restart_stage()
            loop.epoch_loop.reset_restart_stage()
            # Its own setter takes every run with max_steps for one that was stopped in mid-epoch; so the base class's,
            # which is private: _FitLoop.restarting in
            # https://github.com/Lightning-AI/pytorch-lightning/blob/2.6.0/src/lightning/pytorch/loops/fit_loop.py
            _Loop.restarting.fset(loop, False)  # type: ignore[attr-defined]

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Write when it is time; the end of an epoch has its own."""
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
        """Give the module the scores back: a run that had come to its last step validates no more.

        Raises:
            ValueError: they are none.
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
        trainer.save_checkpoint(self.path, weights_only=False)  # with the state of optimiser and loops, to go on from


def _scores(plain: Mapping[str, Any]) -> FewShotScores | TrackingScore:
    return TrackingScore(**plain) if "j" in plain else FewShotScores.from_plain(plain)


def _validation_follows(trainer: Trainer) -> bool:
    """Whether the training loop validates before its next step.

    Only it knows, and says so to nobody: the rule has seven settings and the state of the loader in it, see
    ``_should_check_val_fx`` in
    https://github.com/Lightning-AI/pytorch-lightning/blob/2.6.0/src/lightning/pytorch/loops/training_epoch_loop.py.
    """
    loop = trainer.fit_loop
    return loop._data_fetcher is not None and loop.epoch_loop._should_check_val_fx(loop._data_fetcher)
