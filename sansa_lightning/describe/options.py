"""Options and help of the command ``data describe``, without torch."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from sansa_lightning.cli.recipes import FEW_SHOT, chosen_recipe, settings


@dataclass(frozen=True)
class Options:
    """The options of a command line.

    Attributes:
        config: experiment and ablation files, in this order.
        settings: dotted keys of the configuration and their values, on top of the files.
        out: file of the contact sheet.
        episodes: number of training and of test episodes that it shows.
        manifest: file to write the test episodes to, if any.
    """

    config: tuple[Path, ...]
    settings: Mapping[str, str]
    out: Path
    episodes: int
    manifest: Path | None


def main(args: Sequence[str]) -> int:
    """The command; see :func:`sansa_lightning.describe.command.describe`."""
    asked = read_options(args)
    from sansa_lightning.describe.command import describe

    return describe(asked)


def read_options(args: Sequence[str]) -> Options:
    """The options of a command line.

    Args:
        args: as after ``data describe``.

    Raises:
        ValueError: an option is wrong, or the configuration belongs to another recipe.
        SystemExit: the requested help has been printed.
    """
    try:
        own, rest = _parser().parse_known_args(args)
    except argparse.ArgumentError as error:
        raise ValueError(str(error)) from error
    if own.episodes < 1:
        msg = f"--episodes: expected at least 1, but got {own.episodes}"
        raise ValueError(msg)
    if (recipe := chosen_recipe(args)).name != FEW_SHOT:
        msg = f"recipe: expected one with episodes to describe, but got {recipe.name!r}"
        raise ValueError(msg)
    return Options(tuple(own.config), settings(rest), own.out, own.episodes, own.manifest)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="sansa_lightning data describe",
        description="Classes, images, objects, episodes and overlaps of a configuration, and a sheet of its episodes.",
        epilog="Any key of the configuration can follow, such as --data.protocol.init_args.fold 1.",
        allow_abbrev=False,
        exit_on_error=False,
    )
    parser.add_argument(
        "--config", "-c", action="append", type=Path, default=[], help="experiment and ablation files, in this order"
    )
    parser.add_argument("--out", type=Path, default=Path("episodes.png"), help="file of the contact sheet")
    parser.add_argument("--episodes", type=int, default=4, help="number of training and of test episodes that it shows")
    parser.add_argument("--manifest", type=Path, help="write the test episodes to this file, which data.manifest takes")
    return parser
