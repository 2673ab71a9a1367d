"""The pairs of module and datamodule that the command line can run, and which one it is asked for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

from lightning.pytorch import LightningDataModule, LightningModule

from sansa_lightning.config_files import is_file, read_yaml
from sansa_lightning.data.datamodule import EpisodeDataModule
from sansa_lightning.module import FewShotModule
from sansa_lightning.pretraining.datamodule import TrackingDataModule
from sansa_lightning.pretraining.tracker import TrackerModule


@dataclass(frozen=True)
class Recipe:
    """What a parser is built for.

    Attributes:
        module: gives the keys under ``model``.
        data: gives the keys under ``data``.
        defaults: what runs if nothing else is said; for arguments that may be None what None means, spelt out, so that
            a configuration shows it and an option can change a part of it.
    """

    module: type[LightningModule]
    data: type[LightningDataModule]
    defaults: dict[str, Any] = field(default_factory=dict)


FEW_SHOT = "few_shot"
# The embedded miniature, and what an adapter on a small base needs to learn in minutes: 200 steps. The paper's values,
# which are those of the classes themselves, stand in the experiments.
FEW_SHOT_DEFAULTS: dict[str, Any] = {
    "model.strategy": {"class_path": "AdaptFormer", "init_args": {"placement": [2, 3], "scale": 0.3}},
    "model.optimizer": {"class_path": "torch.optim.AdamW", "init_args": {"lr": 0.006, "weight_decay": 0.01}},
    "model.method": {"class_path": "Sansa"},
    "model.losses": {
        "class_path": "WeightedSum",
        "init_args": {"terms": {"bce": {"class_path": "BCE"}, "dice": {"class_path": "Dice"}}},
    },
    "data.train_length": 800,
    "trainer.max_epochs": 1,
}
RECIPES = {
    FEW_SHOT: Recipe(FewShotModule, EpisodeDataModule, FEW_SHOT_DEFAULTS),
    "tracker": Recipe(TrackerModule, TrackingDataModule),
}


def chosen_recipe(args: Sequence[str]) -> Recipe:
    """The recipe that a command line names: the last of its ``--recipe`` and its configuration files' ``recipe:``.

    Args:
        args: as after ``python -m sansa_lightning``.

    Raises:
        ValueError: there is no such recipe, or a file is no YAML.
    """
    name, origin = FEW_SHOT, "default"
    for option, value in options(args):
        if option == "--recipe":
            name, origin = value, "--recipe"
        elif option in ("--config", "-c"):
            found = (
                read_yaml(Path(value)).get("recipe") if is_file(value) else None
            )  # else it is the parser's to refuse
            name, origin = (name, origin) if found is None else (str(found), value)
    if name not in RECIPES:
        msg = f"recipe ({origin}): expected one of {', '.join(RECIPES)}, but got {name!r}"
        raise ValueError(msg)
    return RECIPES[name]


def options(args: Sequence[str]) -> list[tuple[str, str]]:
    """Options with their values, in order, from ``--key value`` and ``--key=value``.

    >>> options(["fit", "--config", "a.yaml", "--recipe=tracker"])
    [('--config', 'a.yaml'), ('--recipe', 'tracker')]
    """
    found = []
    for arg, after in pairwise([*args, ""]):
        key, equals, value = arg.partition("=")
        if key.startswith("-") and (equals or not after.startswith("--")):
            found.append((key, value if equals else after))
    return found
