"""The experiment for ``data describe``: its configuration, of which only the data are used."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sansa_lightning.cli.resolve import as_plain, build, resolve
from sansa_lightning.data.datamodule import EpisodeDataModule
from sansa_lightning.describe.options import Options


@dataclass(frozen=True)
class Experiment:
    """The experiment to describe.

    Attributes:
        data: the datamodule, not set up.
        protocol: the configured protocol in a line.
        prompt: the configured prompt of test clips, in a line.
        train_prompt: the same of training clips.
    """

    data: EpisodeDataModule
    protocol: str
    prompt: str
    train_prompt: str


def read_experiment(asked: Options) -> Experiment:
    """The experiment of a command line.

    Raises:
        ValueError: the configuration is wrong.
        OSError: files that the source reads at once are missing.
    """
    config = resolve(asked.config, asked.settings)
    settings = as_plain(config)["data"]
    prompt = in_a_line(settings["prompt"] or {"class_path": "MaskPrompt"})
    return Experiment(
        data=build(config)[1],
        protocol=in_a_line(settings["protocol"]),
        prompt=prompt,
        train_prompt=in_a_line(settings["train_prompt"]) if settings["train_prompt"] else prompt,
    )


def in_a_line(spec: Any) -> str:
    """A configured class with its simple arguments, such as ``Strict(fold=0, folds=4)``."""
    if not isinstance(spec, dict):
        return "[" + ", ".join(map(in_a_line, spec)) + "]" if isinstance(spec, list) else str(spec)
    shown = ", ".join(f"{name}={value}" for name, value in _simple(spec.get("init_args") or {}))
    return f"{spec['class_path'].rpartition('.')[2]}({shown})"


def _simple(arguments: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """The simple arguments; mappings, such as sources, are left out, since they are described at length."""
    for name, value in arguments.items():
        if value is not None and not isinstance(value, dict):
            yield name, in_a_line(value)
