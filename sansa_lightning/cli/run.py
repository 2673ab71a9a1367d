"""A run: read the configuration, lock the folder, build everything, run; ``fit`` continues with the test."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from jsonargparse import Namespace
from lightning.pytorch import Trainer
from lightning.pytorch.callbacks import Callback, LearningRateMonitor, ModelSummary
from lightning.pytorch.cli import LightningArgumentParser
from lightning.pytorch.loggers import WandbLogger
from lightning.pytorch.plugins import CheckpointIO

from sansa_lightning.callbacks.finite import StopNotFinite
from sansa_lightning.callbacks.predictions import PredictionWriter
from sansa_lightning.callbacks.progress import ProgressLines, Summary
from sansa_lightning.callbacks.run_end import EndWhenAsked, conclude
from sansa_lightning.callbacks.wandb_record import WandbRecord
from sansa_lightning.checkpoints.portable import HUB, downloaded
from sansa_lightning.cli.grammar import TRAINER_DEFAULTS, Grammar
from sansa_lightning.cli.noise import without_noise
from sansa_lightning.cli.recipes import Recipe
from sansa_lightning.runs.checkpoint_files import AtomicCheckpointIO, LastCheckpoint, check_checkpoint, read_checkpoint
from sansa_lightning.runs.folder import (
    CHECKPOINTS,
    LAST,
    PREDICTIONS,
    RUN_VARIABLE,
    chosen_folder,
    refuse_taken,
    take_folder,
)
from sansa_lightning.runs.interrupts import first_process
from sansa_lightning.runs.loggers import loggers_of_run
from sansa_lightning.runs.record import RunRecord
from sansa_lightning.runs.state import CheckedState


def run(recipe: Recipe, args: Sequence[str]) -> None:
    """Run fit (then test), validate, test or predict; every run has a folder.

    Args:
        recipe: module and datamodule to run.
        args: as after ``python -m sansa_lightning``, beginning with one of the four.

    Raises:
        ValueError: the configuration, the data or the checkpoint has a fault.
        OSError: a file is missing.
    """
    with without_noise():
        ProjectCLI(recipe, args[:1], save_config_callback=RunRecord, args=list(args))


class ProjectCLI(Grammar):
    """A command line that runs in its constructor, like LightningCLI; arguments are those of :class:`Grammar`."""

    def parse_arguments(self, parser: LightningArgumentParser, args: Any) -> None:
        """Read the configuration, lock the run folder and find the checkpoint, before anything is built.

        Raises:
            ValueError: an option is wrong, the folder is in use or cannot be written to, or the checkpoint is not one.
            FileNotFoundError: there is no checkpoint to resume from.
        """
        self.config = self.read(args)
        subcommand = self.config["subcommand"]
        config = self.config[subcommand]
        folder = chosen_folder(config.run_dir)
        if not config.trainer.fast_dev_run:  # which writes nothing
            take_folder(folder, subcommand)
        if config.ckpt_path == "last":
            config.ckpt_path = str(folder / CHECKPOINTS / LAST)
        if str(config.ckpt_path).startswith(HUB):
            config.ckpt_path = str(downloaded(config.ckpt_path))
        if subcommand == "fit" and first_process():
            refuse_taken(folder, config.ckpt_path)
        self.adapter: Path | None = None
        if config.ckpt_path is not None:
            self._check_checkpoint(Path(config.ckpt_path), subcommand)
        # Lightning would merge a checkpoint's own settings into the configuration, so it is not told of any checkpoint
        # until everything is parsed.
        self.checkpoint, config.ckpt_path = config.ckpt_path, None
        os.environ[RUN_VARIABLE] = str(folder)
        config.run_dir = config.trainer.default_root_dir = str(folder)

    def _check_checkpoint(self, path: Path, subcommand: str) -> None:
        content = read_checkpoint(path)
        self.adapter = self.recipe.published_adapter(content, path, subcommand)
        if self.adapter is None:
            check_checkpoint(content, path, goes_on=subcommand == "fit")

    def before_instantiate_classes(self) -> None:
        """Set the checkpoint again: everything is parsed."""
        if self.subcommand is not None:
            self.config[self.subcommand].ckpt_path = self.checkpoint

    def instantiate_trainer(self, **kwargs: Any) -> Trainer:
        """The trainer with the additions of every run: whole checkpoint files, a metrics file, masks in predict.

        Raises:
            ValueError: its options do not fit this machine.
        """
        config = self.config_init[self.subcommand]
        if self.adapter is not None:  # imported by the module: it is not a Lightning checkpoint
            self.model.adapter, config.ckpt_path = self.adapter, None
        if config.ckpt_path is not None:  # a file, even one called "best" or "hpc", for which Lightning would search
            config.ckpt_path = str(Path(config.ckpt_path).absolute())
        goes_on = self.subcommand == "fit" and config.ckpt_path is not None
        said = self.config[self.subcommand].trainer.logger
        chosen = loggers_of_run(config.trainer.logger, said, Path(config.run_dir), str(self.subcommand), goes_on)
        if chosen:
            kwargs["logger"] = chosen
        kwargs["enable_model_summary"] = False  # ours is among the callbacks
        self.trainer_defaults = {**TRAINER_DEFAULTS, "callbacks": self._callbacks(config, chosen, goes_on)}
        if (accumulated := config.trainer.accumulate_grad_batches) < 1:
            msg = f"trainer.accumulate_grad_batches: expected at least 1, but got {accumulated}"
            raise ValueError(msg)
        try:
            return super().instantiate_trainer(plugins=self._plugins(config.trainer.plugins), **kwargs)
        except (ImportError, TypeError, RuntimeError) as error:  # devices, nodes or a cluster that do not fit
            on_cpu = "; -1 is for all GPUs, of which there is none" if "CPUAccelerator" in str(error) else ""
            msg = f"trainer: {str(error).rstrip('.')}{on_cpu}"
            raise ValueError(msg) from error

    def _plugins(self, given: Any) -> list[Any]:
        plugins = list(given) if isinstance(given, list) else [given] if given is not None else []
        if not any(isinstance(plugin, CheckpointIO) for plugin in plugins):
            plugins.append(AtomicCheckpointIO(goes_on=self.subcommand == "fit"))
        return plugins

    def _callbacks(self, config: Namespace, chosen: Sequence[Any], goes_on: bool) -> list[Callback]:
        """The callbacks of every run beside those of its configuration."""
        folder, writes = Path(config.run_dir), not config.trainer.fast_dev_run
        own: list[Callback] = [WandbRecord()] if any(isinstance(each, WandbLogger) for each in chosen) else []
        own.append(EndWhenAsked())
        if not sys.stdout.isatty():  # where bars cannot be seen
            own.append(ProgressLines())
        if self.subcommand == "fit":
            own.append(StopNotFinite())
            if config.trainer.enable_model_summary is not False and not _has_summary(config.trainer.callbacks):
                own.append(Summary())
        own += self.recipe.callbacks(str(self.subcommand), config)
        if goes_on:
            own.append(CheckedState())
        if self.subcommand == "fit" and writes:
            own.append(LastCheckpoint(folder / CHECKPOINTS / LAST, config.checkpoint_every))
            if config.trainer.logger is not False:
                own.append(LearningRateMonitor("step"))
        if self.subcommand == "predict":
            own.append(PredictionWriter(folder / PREDICTIONS))
        return own

    def before_fit(self) -> None:
        """Check the test episodes too, instead of after hours of training."""
        self.datamodule.setup("test")

    def after_fit(self) -> None:
        """Score the trained model on the test episodes."""
        self.trainer.test(self.model, datamodule=self.datamodule, verbose=False)
        self._conclude()

    def after_validate(self) -> None:
        """Conclude the run."""
        self._conclude()

    def after_test(self) -> None:
        """Conclude the run."""
        self._conclude()

    def after_predict(self) -> None:
        """Conclude the run."""
        self._conclude()

    def _conclude(self) -> None:
        """Print the table and the run folder, and mark the run as finished."""
        conclude(self.trainer, self.model, str(self.subcommand), self.config[self.subcommand].run_dir)


def _has_summary(given: Any) -> bool:
    """Whether the callbacks of a configuration bring a summary of their own."""
    return any(isinstance(each, ModelSummary) for each in (given if isinstance(given, list) else [given]))
