"""The recipes that the command line can run, and the choice among them; imports neither torch nor Lightning itself."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from sansa_lightning.cli.config_files import CONFIG, is_file
from sansa_lightning.cli.yaml_files import read_yaml
from sansa_lightning.runs.episode_scores import FILES
from sansa_lightning.runs.folder import EPISODES

if TYPE_CHECKING:
    from jsonargparse import Namespace
    from lightning.pytorch import Callback, LightningDataModule, LightningModule
    from lightning.pytorch.cli import LightningArgumentParser


class Recipe(Protocol):
    """A pair of module and datamodule, with their options, defaults and callbacks.

    Attributes:
        name: the value of ``--recipe``.
        defaults: the configuration without options; for arguments that may be None, the meaning of None is written out,
            so that a configuration shows it and an option can change one value in it.
    """

    name: ClassVar[str]
    defaults: ClassVar[Mapping[str, Any]] = {}

    @property
    @abstractmethod
    def module(self) -> type[LightningModule]:
        """The module, which gives the keys under ``model``."""

    @property
    @abstractmethod
    def data(self) -> type[LightningDataModule]:
        """The datamodule, which gives the keys under ``data``."""

    def add_arguments(self, parser: LightningArgumentParser) -> None:
        """Add options beside those of module, data and trainer; none by default."""
        return

    def subcommand_defaults(self, subcommand: str) -> dict[str, Any]:
        """Defaults of a single subcommand; none by default."""
        return {}

    def published_adapter(self, content: Mapping[str, Any], path: Path, subcommand: str) -> Path | None:
        """The path if the file is a published adapter, which the module imports; None for a checkpoint of a run.

        Args:
            content: of the file.
            path: value of ``ckpt_path``.
            subcommand: fit, validate, test or predict.
        """
        return None

    def callbacks(self, subcommand: str, config: Namespace) -> list[Callback]:
        """The callbacks of each run beside those of its configuration; none by default.

        Args:
            subcommand: fit, validate, test or predict.
            config: of the subcommand.
        """
        return []


class FewShot(Recipe):
    """Few-shot segmentation: a strategy on a base, episodes, and controls."""

    name = "few_shot"
    # The embedded miniature, and settings with which an adapter on a small base learns in minutes: 200 steps. The
    # paper's values, which are the defaults of the classes themselves, are in the experiments.
    defaults: ClassVar[Mapping[str, Any]] = {
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

    @property
    def module(self) -> type[LightningModule]:
        """The module of few-shot segmentation."""
        from sansa_lightning.module import FewShotModule

        return FewShotModule

    @property
    def data(self) -> type[LightningDataModule]:
        """The datamodule of episodes."""
        from sansa_lightning.data.datamodule import EpisodeDataModule

        return EpisodeDataModule

    def add_arguments(self, parser: LightningArgumentParser) -> None:
        """Add the option to compare the base."""
        parser.add_argument(
            "--compare_frozen",
            type=bool,
            default=False,
            help="In fit and test, also score the base without its strategy on the same episodes; on in fit.",
        )

    def subcommand_defaults(self, subcommand: str) -> dict[str, Any]:
        """A fit compares its model with the base."""
        return {"compare_frozen": True} if subcommand == "fit" else {}

    def published_adapter(self, content: Mapping[str, Any], path: Path, subcommand: str) -> Path | None:
        """See :func:`sansa_lightning.checkpoints.adapters.published_adapter`."""
        from sansa_lightning.checkpoints.published import published_adapter

        return published_adapter(content, path, subcommand)

    def callbacks(self, subcommand: str, config: Namespace) -> list[Callback]:
        """The watch over training; and, where asked for, scores of single targets, the comparison and the cache."""
        from sansa_lightning.callbacks.comparison import FrozenComparison
        from sansa_lightning.callbacks.episode_scores import EpisodeScores
        from sansa_lightning.callbacks.kept_encoder import UseEncoderCache
        from sansa_lightning.callbacks.watch import WatchTraining

        # In tests too: Lightning would warn that a checkpoint's callback is missing.
        found: list[Callback] = [WatchTraining()]
        if subcommand in FILES and not config.trainer.fast_dev_run:
            found.append(EpisodeScores(Path(config.run_dir) / FILES[subcommand]))
        if getattr(config.get("model"), "encoder_cache", None) is not None:  # the module itself
            found.append(UseEncoderCache())
        if subcommand in EPISODES and config.compare_frozen:
            picture = Path(config.run_dir) / EPISODES[subcommand]
            found.append(FrozenComparison(None if config.trainer.fast_dev_run else picture))
        return found


class Tracker(Recipe):
    """Pretraining of a base on moving patterns; its module has its own watch."""

    name = "tracker"

    @property
    def module(self) -> type[LightningModule]:
        """The module of pretraining."""
        from sansa_lightning.pretraining.tracker import TrackerModule

        return TrackerModule

    @property
    def data(self) -> type[LightningDataModule]:
        """The datamodule of moving patterns."""
        from sansa_lightning.pretraining.datamodule import TrackingDataModule

        return TrackingDataModule


FEW_SHOT = FewShot.name
RECIPES: dict[str, Recipe] = {recipe.name: recipe for recipe in (FewShot(), Tracker())}


def chosen_recipe(args: Sequence[str]) -> Recipe:
    """The recipe of a command line: the last one of its ``--recipe`` options and its files' ``recipe:`` keys.

    Args:
        args: as after ``python -m sansa_lightning``.

    Raises:
        ValueError: there is no such recipe, or a file is not YAML.
    """
    name, origin = FEW_SHOT, "default"
    for option, value in options(args):
        if option == "--recipe":
            name, origin = value, "--recipe"
        elif option.lstrip("-") in CONFIG and is_file(value):  # otherwise the parser refuses it
            found = read_yaml(Path(value)).get("recipe")
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


def settings(rest: Sequence[str]) -> dict[str, str]:
    """Keys of a configuration and their values, of the options that a command does not take for itself.

    >>> settings(["--data.size", "64", "--model.threshold=0.4"])
    {'data.size': '64', 'model.threshold': '0.4'}

    Raises:
        ValueError: there is something else among them.
    """
    found = options(rest)
    taken = [word for arg in rest for word in (arg.split("=", 1) if arg.startswith("--") else [arg])]
    if taken != [word for pair in found for word in pair]:
        msg = f"expected options as --data.key value, and files after --config, but got {' '.join(rest)!r}"
        raise ValueError(msg)
    return {key.removeprefix("--"): value for key, value in found}


def config_files(pairs: Iterable[tuple[str, str]]) -> list[str]:
    """The values of ``--config`` and ``-c`` among options with their values, in order."""
    return [value for option, value in pairs if option.lstrip("-") in CONFIG]
