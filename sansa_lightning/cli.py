"""The command line: LightningCLI for fit, validate, test and predict, with short class names and short errors."""

from __future__ import annotations

import os
import sys
from datetime import datetime
from pathlib import Path
from typing import Any

from lightning.pytorch import Trainer
from lightning.pytorch.callbacks import Callback
from lightning.pytorch.cli import ArgsType, LightningArgumentParser, LightningCLI
from lightning.pytorch.loggers import CSVLogger
from lightning.pytorch.plugins import CheckpointIO

from sansa_lightning.checkpoint_files import AtomicCheckpointIO, LastCheckpoint
from sansa_lightning.data import all as data_classes
from sansa_lightning.data.datamodule import EpisodeDataModule
from sansa_lightning.messages import short_error
from sansa_lightning.methods import all as method_classes
from sansa_lightning.module import FewShotModule
from sansa_lightning.predictions import PredictionWriter
from sansa_lightning.runs import RunRecord
from sansa_lightning.strategies import all as strategy_classes
from sansa_lightning.tables import per_class_table

CHOICES = (data_classes, method_classes, strategy_classes)
"""Importing these is what lets a configuration name their classes without the package."""

DEBUG_VARIABLE = "SANSA_DEBUG"
RUN_VARIABLE = "SANSA_RUN_DIR"
CHECKPOINTS, LAST = "checkpoints", "last.ckpt"
TRAINER_DEFAULTS: dict[str, Any] = {
    "max_epochs": 5,
    "gradient_clip_val": 1.0,
    "use_distributed_sampler": False,
    "log_every_n_steps": 10,
}


class ShortErrorParser(LightningArgumentParser):
    """A parser whose errors are the line that matters instead of fifty lines of usage."""

    def error(self, message: str, ex: Exception | None = None) -> Any:
        """Print one line and leave with status 2; ``JSONARGPARSE_DEBUG`` gives the traceback."""
        if "JSONARGPARSE_DEBUG" in os.environ:
            return super().error(message, ex)
        sys.stderr.write(f"error: {short_error(self, message, CHOICES)}\n")
        raise SystemExit(2)


class FewShotCLI(LightningCLI):
    """fit (then test), validate, test, predict; every run has a folder."""

    def add_arguments_to_parser(self, parser: LightningArgumentParser) -> None:
        """The run folder."""
        parser.add_argument(
            "--run_dir", type=str | None, default=None, help="Folder of the run; runs/<time>_<pid> if not given."
        )
        parser.add_argument(
            "--checkpoint_every", type=int, default=100, help="Training steps between checkpoints, beside each epoch's."
        )

    def before_instantiate_classes(self) -> None:
        """Choose the run folder, refuse one that holds another run, and find the checkpoint called "last".

        Raises:
            ValueError: the folder is taken.
            FileNotFoundError: there is nothing to go on with.
        """
        config = self.config[self.subcommand]
        chosen = config.run_dir or os.environ.get(RUN_VARIABLE)
        folder = Path(chosen) if chosen else Path("runs") / f"{datetime.now():%Y%m%d-%H%M%S}-{os.getpid()}"
        first = int(os.environ.get("LOCAL_RANK", 0)) == 0
        if first and self.subcommand == "fit" and config.ckpt_path is None and (folder / "config.yaml").exists():
            msg = f"run_dir: {folder} holds a run; add --ckpt_path last to go on with it, or choose another folder"
            raise ValueError(msg)
        if config.ckpt_path == "last":
            config.ckpt_path = str(folder / CHECKPOINTS / LAST)
        if config.ckpt_path is not None and not Path(config.ckpt_path).is_file():
            msg = f"ckpt_path: {config.ckpt_path} is not there; give a checkpoint file, or leave it out to start anew"
            raise FileNotFoundError(msg)
        os.environ[RUN_VARIABLE] = str(folder)  # further processes of this run start from here
        config.run_dir = config.trainer.default_root_dir = str(folder)

    def instantiate_trainer(self, **kwargs: Any) -> Trainer:
        """The trainer with what every run has: whole checkpoint files, a metrics file, masks when predicting."""
        config = self.config_init[self.subcommand]
        folder = Path(config.run_dir)
        given = config.trainer.plugins
        plugins = list(given) if isinstance(given, list) else [given] if given is not None else []
        if not any(isinstance(plugin, CheckpointIO) for plugin in plugins):
            plugins.append(AtomicCheckpointIO())
        if config.trainer.logger is None:
            kwargs["logger"] = CSVLogger(folder, name="", version="metrics")
        own: list[Callback] = []
        if self.subcommand == "fit" and not config.trainer.fast_dev_run:
            own.append(LastCheckpoint(folder / CHECKPOINTS / LAST, config.checkpoint_every))
        if self.subcommand == "predict":
            own.append(PredictionWriter(folder / "predictions"))
        self.trainer_defaults = {**TRAINER_DEFAULTS, "callbacks": own}
        return super().instantiate_trainer(plugins=plugins, **kwargs)

    def after_fit(self) -> None:
        """Score the trained model on the test episodes."""
        self.trainer.test(self.model, datamodule=self.datamodule, verbose=False)
        self._conclude()

    def after_validate(self) -> None:
        """Say where the result is."""
        self._conclude()

    def after_test(self) -> None:
        """Say where the result is."""
        self._conclude()

    def after_predict(self) -> None:
        """Say where the masks are."""
        self._conclude()

    def _conclude(self) -> None:
        """Print the table and the run folder, and mark the run as finished."""
        for callback in self.trainer.callbacks:  # type: ignore[attr-defined]  # set by a connector
            if isinstance(callback, RunRecord):
                callback.write(self.trainer, "finished")
        if self.trainer.is_global_zero:
            for stage, scores in list(self.model.scores.items())[-1:]:
                print(per_class_table({stage: scores}))
            print(f"run folder: {self.config[self.subcommand].run_dir}")


def main(args: ArgsType = None) -> None:
    """Run the command line.

    Args:
        args: as after ``python -m sansa_lightning``; those of the process if None.
    """
    if "LOCAL_RANK" not in os.environ:
        os.environ.pop(RUN_VARIABLE, None)  # of an earlier call in this process
    try:
        FewShotCLI(
            FewShotModule,
            EpisodeDataModule,
            save_config_callback=RunRecord,
            trainer_defaults=TRAINER_DEFAULTS,
            seed_everything_default=0,
            parser_class=ShortErrorParser,
            auto_configure_optimizers=False,
            load_from_checkpoint_support=False,
            args=args,
        )
    except (ValueError, FileNotFoundError) as error:
        if DEBUG_VARIABLE in os.environ:
            raise
        sys.stderr.write(f"error: {error}\n({DEBUG_VARIABLE}=1 shows where)\n")
        raise SystemExit(2) from error
