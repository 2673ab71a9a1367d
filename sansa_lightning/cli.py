"""The command line: LightningCLI for fit, validate, test and predict, with short class names and short errors."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

from jsonargparse import Namespace
from lightning.pytorch import Trainer, callbacks, loggers
from lightning.pytorch.callbacks import Callback, LearningRateMonitor
from lightning.pytorch.cli import LightningArgumentParser, LightningCLI
from lightning.pytorch.loggers import WandbLogger
from lightning.pytorch.plugins import CheckpointIO
from torch import optim

from sansa_lightning import losses
from sansa_lightning.analysis import all as analysis_classes
from sansa_lightning.checkpoint_files import AtomicCheckpointIO, LastCheckpoint, check_checkpoint, read_checkpoint
from sansa_lightning.checkpoints import published_adapter
from sansa_lightning.class_paths import (
    Named,
    check_before_import,
    check_built,
    check_kinds,
    named_classes,
    only_safe_imports,
    wanted,
    without_advice,
)
from sansa_lightning.commands import COMMANDS, command
from sansa_lightning.comparison import FrozenComparison
from sansa_lightning.config_files import SECTIONS, check_given, documents, write_enumerations
from sansa_lightning.data import all as data_classes
from sansa_lightning.failures import DEBUG_VARIABLE, LONGEST, one_line_errors
from sansa_lightning.finite import StopNotFinite
from sansa_lightning.interrupts import first_process, interruptible
from sansa_lightning.loggers import loggers_of_run
from sansa_lightning.messages import plain, short_error
from sansa_lightning.methods import all as method_classes
from sansa_lightning.module import FewShotModule
from sansa_lightning.noise import without_noise
from sansa_lightning.predictions import PredictionWriter
from sansa_lightning.recipes import FEW_SHOT, RECIPES, Recipe, chosen_recipe, options
from sansa_lightning.run_end import EndWhenAsked, conclude, end_further_processes
from sansa_lightning.run_folder import (
    CHECKPOINTS,
    EPISODES,
    LAST,
    PREDICTIONS,
    RUN_VARIABLE,
    chosen_folder,
    interruption,
    refuse_taken,
    release_folder,
    take_folder,
)
from sansa_lightning.run_state import CheckedState
from sansa_lightning.runs.record import RunRecord
from sansa_lightning.strategies import all as strategy_classes
from sansa_lightning.wandb_record import WandbRecord
from sansa_lightning.watch import WatchTraining

CHOICES = (analysis_classes, data_classes, method_classes, strategy_classes, losses, optim, callbacks, loggers)
"""Importing these is what lets a configuration name their classes without the package."""

TRAINER_DEFAULTS: dict[str, Any] = {
    "max_epochs": 5,
    "gradient_clip_val": 1.0,
    "use_distributed_sampler": False,
    "log_every_n_steps": 10,
}

SUBCOMMAND_DEFAULTS: dict[str, dict[str, Any]] = {
    "fit": {},
    "validate": {"verbose": False},  # Lightning's table has less than ours
    "test": {"verbose": False},
    "predict": {"return_predictions": False},  # they are on disk; all of them in memory would be too many
}


class ShortErrorParser(LightningArgumentParser):
    """A parser whose errors are the line that matters instead of fifty lines of usage."""

    of_subcommands: ClassVar[list[LightningArgumentParser]] = []
    """They have the keys; what is wrong in a file, the parser above them reports."""

    named: ClassVar[list[Named]] = []
    """Class paths of the command line that is being read."""

    reading: ClassVar[bool] = False
    """Whether it is being read: parsers ask others of their kind to read a part."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        # Half a key would be taken for the whole one, but only on the command line.
        super().__init__(*args, allow_abbrev=False, **kwargs)
        only_safe_imports()
        write_enumerations()

    def parse_args(self, args: Sequence[str] | None = None, *more: Any, **named: Any) -> Namespace:  # type: ignore[override]
        """As always; nothing is imported in vain, and what was read builds nothing but classes.

        Raises:
            ValueError: a class path leads nowhere or to something else.
        """
        if self.reading:
            return super().parse_args(args, *more, **named)
        given = options(sys.argv[1:] if args is None else args)
        found_in = documents(given, lambda key: key in SECTIONS or bool(wanted(key, self.of_subcommands)))
        self.named[:] = named_classes(found_in, self.of_subcommands)
        check_before_import(self.named)
        check_kinds(self.named, self.of_subcommands)
        ShortErrorParser.reading = True
        try:
            found: Namespace = super().parse_args(args, *more, **named)
        finally:
            ShortErrorParser.reading = False
        for config in (found, found.get(found.get("subcommand") or "")):
            if isinstance(config, Namespace):
                check_built(config, self.of_subcommands)
                check_given(config, self.of_subcommands)
        return found

    def error(self, message: str, ex: Exception | None = None) -> Any:
        """Print one line and leave with status 2; ``SANSA_DEBUG`` gives the traceback."""
        if DEBUG_VARIABLE in os.environ and ex is not None:
            raise ex
        check_kinds(self.named, self.of_subcommands)  # some may have been imported since
        line = short_error(without_advice(message), self.of_subcommands, CHOICES)
        sys.stderr.write(f"error: {plain(line, LONGEST)}\n")
        raise SystemExit(2)


class ProjectCLI(LightningCLI):
    """fit (then test), validate, test, predict; every run has a folder.

    Args:
        recipe: module and datamodule to run.
        options: as for LightningCLI.
    """

    def __init__(self, recipe: Recipe, **options: Any) -> None:
        self.recipe = recipe
        ShortErrorParser.of_subcommands.clear()
        super().__init__(recipe.module, recipe.data, **options)

    def add_arguments_to_parser(self, parser: LightningArgumentParser) -> None:
        """Options of our own, and defaults with all their parts."""
        ShortErrorParser.of_subcommands.append(parser)
        parser.set_defaults(self.recipe.defaults)
        parser.add_argument(
            "--recipe", type=str, default=FEW_SHOT, help=f"What to run: {' or '.join(RECIPES)}; sets the keys below."
        )
        parser.add_argument(
            "--run_dir", type=str | None, default=None, help="Folder of the run; runs/<time>_<pid> if not given."
        )
        if issubclass(self.recipe.module, FewShotModule):
            parser.add_argument(
                "--compare_frozen",
                type=bool,
                default=False,
                help="In fit and test, score the base without its strategy on the same episodes, too; on in fit.",
            )
        parser.add_argument(
            "--checkpoint_every", type=int, default=100, help="Training steps between checkpoints, beside each epoch's."
        )

    def setup_parser(self, *args: Any, **kwargs: Any) -> None:
        """Parsers as Lightning makes them, with our own defaults for what its methods print and return."""
        super().setup_parser(*args, **kwargs)
        for subcommand, parser in zip(self.subcommands(), ShortErrorParser.of_subcommands, strict=True):
            parser.set_defaults(SUBCOMMAND_DEFAULTS[subcommand])
            if subcommand == "fit" and issubclass(self.recipe.module, FewShotModule):
                parser.set_defaults({"compare_frozen": True})

    def parse_arguments(self, parser: LightningArgumentParser, args: Any) -> None:
        """Read the configuration, take the run folder and find the checkpoint, before anything is built.

        Raises:
            ValueError: the folder is taken or cannot be written to, or the checkpoint is not one.
            FileNotFoundError: there is nothing to go on with.
        """
        super().parse_arguments(parser, args)
        subcommand = self.config["subcommand"]
        config = self.config[subcommand]
        folder = chosen_folder(config.run_dir)
        if not config.trainer.fast_dev_run:  # which writes nothing
            take_folder(folder, subcommand)
        if config.ckpt_path == "last":
            config.ckpt_path = str(folder / CHECKPOINTS / LAST)
        if subcommand == "fit" and first_process():
            refuse_taken(folder, config.ckpt_path)
        self.adapter: Path | None = None
        if config.ckpt_path is not None:
            self._check_checkpoint(Path(config.ckpt_path), subcommand)
        # Lightning takes a checkpoint's own settings into the configuration, which must not happen: until everything
        # is parsed it knows of none.
        self.checkpoint, config.ckpt_path = config.ckpt_path, None
        os.environ[RUN_VARIABLE] = str(folder)
        config.run_dir = config.trainer.default_root_dir = str(folder)

    def _check_checkpoint(self, path: Path, subcommand: str) -> None:
        content = read_checkpoint(path)
        if issubclass(self.recipe.module, FewShotModule):
            self.adapter = published_adapter(content, path, subcommand)
        if self.adapter is None:
            check_checkpoint(content, path, goes_on=subcommand == "fit")

    def before_instantiate_classes(self) -> None:
        """Name the checkpoint again: everything is parsed."""
        if self.subcommand is not None:
            self.config[self.subcommand].ckpt_path = self.checkpoint

    def instantiate_trainer(self, **kwargs: Any) -> Trainer:
        """The trainer with what every run has: whole checkpoint files, a metrics file, masks when predicting.

        Raises:
            ValueError: its options do not fit this machine.
        """
        config = self.config_init[self.subcommand]
        if self.adapter is not None:  # for the module to import: it is no checkpoint of Lightning's
            self.model.adapter, config.ckpt_path = self.adapter, None
        if config.ckpt_path is not None:  # a file, also one called "best" or "hpc", which Lightning would look for
            config.ckpt_path = str(Path(config.ckpt_path).absolute())
        goes_on = self.subcommand == "fit" and config.ckpt_path is not None
        said = self.config[self.subcommand].trainer.logger
        chosen = loggers_of_run(config.trainer.logger, said, Path(config.run_dir), str(self.subcommand), goes_on)
        if chosen:
            kwargs["logger"] = chosen
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
        """What every run has beside the callbacks of its configuration."""
        folder, writes = Path(config.run_dir), not config.trainer.fast_dev_run
        own: list[Callback] = [WandbRecord()] if any(isinstance(each, WandbLogger) for each in chosen) else []
        own.append(EndWhenAsked())
        if self.subcommand == "fit":
            own.append(StopNotFinite())
        if issubclass(self.recipe.module, FewShotModule):  # the tracker watches by itself
            own.append(WatchTraining())  # in tests too: Lightning would warn that a checkpoint's callback is missing
        if goes_on:
            own.append(CheckedState())
        if self.subcommand == "fit" and writes:
            own.append(LastCheckpoint(folder / CHECKPOINTS / LAST, config.checkpoint_every))
            if config.trainer.logger is not False:
                own.append(LearningRateMonitor("step"))
        if self.subcommand in EPISODES and config.get("compare_frozen"):
            own.append(FrozenComparison(folder / EPISODES[self.subcommand] if writes else None))
        if self.subcommand == "predict":
            own.append(PredictionWriter(folder / PREDICTIONS))
        return own

    def before_fit(self) -> None:
        """Check the test episodes too, which would else be looked at after hours of training."""
        self.datamodule.setup("test")

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
        conclude(self.trainer, self.model, str(self.subcommand), self.config[self.subcommand].run_dir)


def _interrupted(signal: str) -> str:
    end_further_processes()
    return interruption(signal)


@interruptible(_interrupted, release_folder)
def main(args: Sequence[str] | None = None) -> None:
    """Run the command line; see :func:`~sansa_lightning.failures.one_line_errors` for how it ends after an error.

    A request to end, by Ctrl-C or SIGTERM, is one line and exit status 130 or 143.

    Args:
        args: as after ``python -m sansa_lightning``; those of the process if None.
    """
    if "LOCAL_RANK" not in os.environ:
        os.environ.pop(RUN_VARIABLE, None)  # of an earlier call in this process
    given = sys.argv[1:] if args is None else args
    with one_line_errors():
        if given and given[0] in COMMANDS:
            raise SystemExit(command(given[0])(given[1:]))
        recipe = chosen_recipe(given)
        with without_noise():
            ProjectCLI(
                recipe,
                save_config_callback=RunRecord,
                trainer_defaults=TRAINER_DEFAULTS,
                seed_everything_default=0,
                parser_class=ShortErrorParser,
                auto_configure_optimizers=False,
                load_from_checkpoint_support=False,
                args=None if args is None else list(args),
            )
