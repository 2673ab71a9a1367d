"""Configurations as the command line would resolve them, without running anything."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping, Sequence
from contextlib import redirect_stderr
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from jsonargparse import Namespace
from lightning.pytorch.cli import LightningArgumentParser

from sansa_lightning.cli import TRAINER_DEFAULTS, ProjectCLI, ShortErrorParser
from sansa_lightning.data.datamodule import EpisodeDataModule
from sansa_lightning.module import FewShotModule
from sansa_lightning.recipes import FEW_SHOT, RECIPES


class ParserOnly(ProjectCLI):
    """Makes the parsers of the command line and stops there."""

    def parse_arguments(self, parser: LightningArgumentParser, args: Any) -> None:
        """Nothing to parse yet, and no subcommand to run."""
        self.config = Namespace(subcommand=None, seed_everything=False)  # type: ignore[no-untyped-call]

    def instantiate_classes(self) -> None:
        """Nothing to build."""


@cache
def _parsers() -> tuple[LightningArgumentParser, tuple[LightningArgumentParser, ...]]:
    """The command line's parser for few-shot runs, and those of its subcommands, ``fit`` first."""
    ShortErrorParser.of_subcommands.clear()
    made = ParserOnly(
        RECIPES[FEW_SHOT],
        save_config_callback=None,
        trainer_defaults=TRAINER_DEFAULTS,
        seed_everything_default=0,
        parser_class=ShortErrorParser,
        auto_configure_optimizers=False,
        load_from_checkpoint_support=False,
        args=[],
    )
    return made.parser, tuple(ShortErrorParser.of_subcommands)


def resolve(files: Sequence[Path], settings: Mapping[str, Any]) -> Namespace:
    """What ``fit --config FILE ... --key value ...`` would run.

    Args:
        files: configuration files, later ones win.
        settings: dotted keys and their values, on top of the files.

    Raises:
        ValueError: a key or class that does not exist, or a value that does not fit: the command line's own line.
    """
    args = [part for file in files for part in ("--config", str(file))]
    for key, value in settings.items():
        args.append(f"--{key}={value if isinstance(value, str) else json.dumps(value)}")
    said = io.StringIO()
    parser, ShortErrorParser.of_subcommands[:] = _parsers()
    try:
        with redirect_stderr(said):
            found: Namespace = parser.parse_args(["fit", *args])["fit"]
    except SystemExit:
        raise ValueError(said.getvalue().splitlines()[-1].removeprefix("error: ")) from None
    if found.recipe != FEW_SHOT:
        msg = f"recipe: expected {FEW_SHOT}, but got {found.recipe}; tables compare few-shot runs"
        raise ValueError(msg)
    return found


def as_yaml(config: Namespace) -> str:
    """The whole of a resolved configuration, as a file that ``fit`` and ``test`` take."""
    return _fit_parser().dump(config, skip_unset=False)


def as_plain(config: Namespace) -> dict[str, Any]:
    """The same as mappings, lists and plain values."""
    content: dict[str, Any] = yaml.safe_load(as_yaml(config))
    return content


def build(config: Namespace) -> tuple[FewShotModule, EpisodeDataModule]:
    """Module and datamodule of a resolved configuration; neither weights nor data have been read yet.

    Raises:
        ValueError: an argument is out of its range.
        OSError: the source looks for its files at once, and they are not there.
    """
    built = _fit_parser().instantiate(config.clone())
    return built.model, built.data


def _fit_parser() -> LightningArgumentParser:
    return _parsers()[1][0]
