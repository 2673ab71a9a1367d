"""Resolving configurations like the command line, without running anything."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from jsonargparse import Namespace

from sansa_lightning.cli.grammar import Grammar
from sansa_lightning.cli.recipes import FEW_SHOT, RECIPES
from sansa_lightning.data.datamodule import EpisodeDataModule
from sansa_lightning.module import FewShotModule


@cache
def grammar() -> Grammar:
    """The grammar of few-shot fits, made once in a process."""
    return Grammar(RECIPES[FEW_SHOT], ["fit"])


def resolve(files: Sequence[Path], settings: Mapping[str, Any]) -> Namespace:
    """The configuration of ``fit --config FILE ... --key value ...``.

    Args:
        files: configuration files, later ones win.
        settings: dotted keys and their values, on top of the files.

    Raises:
        ValueError: a key or class does not exist, or a value does not fit; the message is the command line's.
    """
    args = [part for file in files for part in ("--config", str(file))]
    for key, value in settings.items():
        args.append(f"--{key}={value if isinstance(value, str) else json.dumps(value)}")
    found: Namespace = grammar().read(["fit", *args])["fit"]
    if found.recipe != FEW_SHOT:
        msg = f"recipe: expected {FEW_SHOT}, but got {found.recipe}; tables compare few-shot runs"
        raise ValueError(msg)
    return found


def as_yaml(config: Namespace) -> str:
    """A whole resolved configuration, as a file for ``fit`` and ``test``."""
    return grammar().of("fit").dump(config, skip_unset=False)


def as_plain(config: Namespace) -> dict[str, Any]:
    """The same as mappings, lists and plain values."""
    content: dict[str, Any] = yaml.safe_load(as_yaml(config))
    return content


def build(config: Namespace) -> tuple[FewShotModule, EpisodeDataModule]:
    """Module and datamodule of a resolved configuration; neither weights nor data are read yet.

    Raises:
        ValueError: an argument is out of its range.
        OSError: files that the source reads at once are missing.
    """
    built = grammar().of("fit").instantiate(config.clone())
    return built.model, built.data
