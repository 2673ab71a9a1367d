"""The options of ``data describe``: an experiment's configuration, of which only the data are used."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sansa_lightning.ablate.resolve import as_plain, build, resolve
from sansa_lightning.data.datamodule import EpisodeDataModule
from sansa_lightning.recipes import RECIPES, chosen_recipe, options


@dataclass(frozen=True)
class Experiment:
    """What is to be described.

    Attributes:
        data: the datamodule, not set up.
        protocol: the configured protocol in a line.
        prompt: the configured prompt in a line, of test clips.
        train_prompt: the same of training clips.
        out: file of the contact sheet.
        episodes: how many of training and of test it shows.
        manifest: file to write the test episodes to, if any.
    """

    data: EpisodeDataModule
    protocol: str
    prompt: str
    train_prompt: str
    out: Path
    episodes: int
    manifest: Path | None


def read_experiment(args: Sequence[str]) -> Experiment:
    """The experiment of a command line.

    Args:
        args: as after ``data describe``.

    Raises:
        ValueError: an option or the configuration is wrong, or it is of another kind.
        SystemExit: help was asked for and has been printed.
    """
    try:
        own, rest = _parser().parse_known_args(args)
    except argparse.ArgumentError as error:
        raise ValueError(str(error)) from error
    if own.episodes < 1:
        msg = f"--episodes: expected at least 1, but got {own.episodes}"
        raise ValueError(msg)
    recipe = chosen_recipe(args)
    if recipe.data is not EpisodeDataModule:
        name = next(name for name, known in RECIPES.items() if known is recipe)
        msg = f"recipe: expected one with episodes to describe, but got {name!r}"
        raise ValueError(msg)
    config = resolve(own.config, _settings(rest))
    settings = as_plain(config)["data"]
    prompt = in_a_line(settings["prompt"] or {"class_path": "MaskPrompt"})
    return Experiment(
        data=build(config)[1],
        protocol=in_a_line(settings["protocol"]),
        prompt=prompt,
        train_prompt=in_a_line(settings["train_prompt"]) if settings["train_prompt"] else prompt,
        out=own.out,
        episodes=own.episodes,
        manifest=own.manifest,
    )


def in_a_line(spec: Any) -> str:
    """A configured class with its simple arguments, such as ``Strict(fold=0, folds=4)``."""
    if not isinstance(spec, dict):
        return "[" + ", ".join(map(in_a_line, spec)) + "]" if isinstance(spec, list) else str(spec)
    shown = ", ".join(f"{name}={value}" for name, value in _simple(spec.get("init_args") or {}))
    return f"{spec['class_path'].rpartition('.')[2]}({shown})"


def _simple(arguments: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Without mappings, such as sources, which are described at length."""
    for name, value in arguments.items():
        if value is not None and not isinstance(value, dict):
            yield name, in_a_line(value)


def _settings(rest: Sequence[str]) -> dict[str, str]:
    """Keys of the configuration with their values."""
    found = options(rest)
    taken = [part for arg in rest for part in (arg.split("=", 1) if arg.startswith("--") else [arg])]
    if taken != [part for pair in found for part in pair]:
        msg = f"expected options as --data.key value, and files after --config, but got {' '.join(rest)!r}"
        raise ValueError(msg)
    return {key.removeprefix("--"): value for key, value in found}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="sansa_lightning data describe",
        description="Classes, images, objects, episodes and overlaps of a configuration, and a sheet of its episodes.",
        epilog="Any key of the configuration can follow, as --data.protocol.init_args.fold 1.",
        allow_abbrev=False,
        exit_on_error=False,
    )
    parser.add_argument(
        "--config", "-c", action="append", type=Path, default=[], help="experiment and ablation files, in this order"
    )
    parser.add_argument("--out", type=Path, default=Path("episodes.png"), help="file of the contact sheet")
    parser.add_argument("--episodes", type=int, default=4, help="episodes of training and of test that it shows")
    parser.add_argument("--manifest", type=Path, help="write the test episodes to this file, which data.manifest takes")
    return parser
