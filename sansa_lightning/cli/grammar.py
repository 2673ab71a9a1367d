"""The grammar of fit, validate, test and predict: the one place where their parsers are made and used."""

from __future__ import annotations

import os
from argparse import ArgumentError
from collections.abc import Sequence
from typing import Any

from jsonargparse import Namespace
from lightning.pytorch import callbacks, loggers
from lightning.pytorch.cli import LightningArgumentParser, LightningCLI
from torch import optim

from sansa_lightning import losses
from sansa_lightning.analysis import all as analysis_classes
from sansa_lightning.cli.class_paths import (
    DENIED,
    Named,
    check_before_import,
    check_built,
    check_imported,
    check_kinds,
    named_classes,
    only_safe_imports,
    wanted,
    without_advice,
)
from sansa_lightning.cli.commands import COMMANDS, RUNS
from sansa_lightning.cli.config_files import SECTIONS, check_given, documents
from sansa_lightning.cli.recipes import FEW_SHOT, RECIPES, Recipe, options
from sansa_lightning.cli.short_error import short_error
from sansa_lightning.cli.yaml_files import write_enumerations
from sansa_lightning.data import all as data_classes
from sansa_lightning.encoders import all as encoder_classes
from sansa_lightning.methods import all as method_classes
from sansa_lightning.runs.failures import DEBUG_VARIABLE
from sansa_lightning.strategies import all as strategy_classes

CHOICES = (
    *(analysis_classes, data_classes, encoder_classes, method_classes, strategy_classes),
    *(losses, optim, callbacks, loggers),
)
"""Modules whose import lets configurations name their classes without the package."""

TRAINER_DEFAULTS: dict[str, Any] = {
    "max_epochs": 5,
    "gradient_clip_val": 1.0,
    "use_distributed_sampler": False,
    "log_every_n_steps": 10,
}

SUBCOMMAND_DEFAULTS: dict[str, dict[str, Any]] = {
    "fit": {},
    "validate": {"verbose": False},  # Lightning's table has fewer scores than ours
    "test": {"verbose": False},
    "predict": {"return_predictions": False},  # they are written to disk, and too many to keep in memory
}


class Grammar(LightningCLI):
    """Makes the parsers for a recipe, one for each subcommand, and runs nothing; :meth:`read` uses them.

    Args:
        recipe: its module and datamodule give the keys.
        needed: the subcommands to make parsers for.
        more: as for LightningCLI.
    """

    def __init__(self, recipe: Recipe, needed: Sequence[str] = RUNS, **more: Any) -> None:
        self.recipe = recipe
        self.needed = needed
        self.subparsers: list[LightningArgumentParser] = []
        only_safe_imports()
        write_enumerations()
        super().__init__(
            recipe.module,
            recipe.data,
            trainer_defaults=TRAINER_DEFAULTS,
            seed_everything_default=0,
            parser_kwargs={
                "prog": "sansa_lightning",
                "exit_on_error": False,
                "allow_abbrev": False,  # abbreviated keys would work, but only on the command line
                **{name: {"description": COMMANDS[name].says} for name in needed},
            },
            auto_configure_optimizers=False,
            load_from_checkpoint_support=False,
            **{"save_config_callback": None, "args": [], **more},
        )

    def subcommands(self) -> dict[str, set[str]]:  # type: ignore[override]  # there it is static, but always asked of self
        """The needed subcommands, with the arguments of the trainer's methods that are not options."""
        return {name: skipped for name, skipped in super().subcommands().items() if name in self.needed}

    def of(self, subcommand: str) -> LightningArgumentParser:
        """The parser of a subcommand."""
        return self.subparsers[list(self.subcommands()).index(subcommand)]

    def add_arguments_to_parser(self, parser: LightningArgumentParser) -> None:
        """Add our own options, and defaults with all their arguments."""
        self.subparsers.append(parser)
        parser.set_defaults(dict(self.recipe.defaults))
        parser.add_argument(
            "--recipe",
            type=str,
            default=FEW_SHOT,
            help=f"What to run: {' or '.join(RECIPES)}; sets the keys below.",
        )
        parser.add_argument(
            "--run_dir", type=str | None, default=None, help="Folder of the run; runs/<time>_<pid> if not given."
        )
        self.recipe.add_arguments(parser)
        parser.add_argument(
            "--checkpoint_every", type=int, default=100, help="Training steps between checkpoints within an epoch."
        )

    def setup_parser(self, *args: Any, **kwargs: Any) -> None:
        """Lightning's parsers, with our own defaults for the output of its methods."""
        super().setup_parser(*args, **kwargs)
        for subcommand, parser in zip(self.subcommands(), self.subparsers, strict=True):
            parser.set_defaults({**SUBCOMMAND_DEFAULTS[subcommand], **self.recipe.subcommand_defaults(subcommand)})

    def parse_arguments(self, parser: LightningArgumentParser, args: Any) -> None:
        """Parse nothing: there is no subcommand to run."""
        self.config = Namespace(subcommand=None, seed_everything=False)  # type: ignore[no-untyped-call]

    def instantiate_classes(self) -> None:
        """Build the objects of a subcommand."""
        if self.subcommand is not None:
            super().instantiate_classes()

    def read(self, args: Sequence[str]) -> Namespace:
        """The configuration of a command line; class paths are checked before import, and only classes can be built.

        Args:
            args: as after ``python -m sansa_lightning``.

        Raises:
            ValueError: a key, class or value is wrong; one line that names it, its place, and the nearest right one.
            SystemExit: help or the like was asked for and has been printed.
        """
        found_in = documents(options(args), lambda key: key in SECTIONS or bool(wanted(key, self.subparsers)))
        named = named_classes(found_in, self.subparsers)
        check_before_import(named)
        check_kinds(named, self.subparsers)
        try:
            found: Namespace = self.parser.parse_args(args)
        except ArgumentError as error:
            raise self._explained(error, named) from error
        except Exception:
            check_imported(named)  # the parser lets errors other than ImportError pass, such as a SyntaxError
            raise
        for config in (found, found.get(found.get("subcommand") or "")):
            if isinstance(config, Namespace):
                check_built(config, self.subparsers)
                check_given(config, self.subparsers)
        return found

    def _explained(self, error: ArgumentError, named: Sequence[Named]) -> Exception:
        """The parser's refusal as one clear line; with ``SANSA_DEBUG`` its own first error."""
        if DEBUG_VARIABLE in os.environ:
            cause: BaseException = error
            while isinstance(cause, ArgumentError) and cause.__cause__ is not None:
                cause = cause.__cause__
            return cause if isinstance(cause, Exception) else error
        message = str(error)
        if not DENIED.match(message):
            check_imported(named)
        check_kinds(named, self.subparsers)  # some may have been imported meanwhile
        return ValueError(short_error(without_advice(message), self.subparsers, CHOICES))
