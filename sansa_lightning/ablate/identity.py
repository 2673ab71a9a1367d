"""The identity of a run: a hash of its configuration's differences from the defaults of the classes that it names."""

from __future__ import annotations

import hashlib
import inspect
import json
import re
from collections.abc import Mapping
from functools import cache
from pkgutil import resolve_name
from typing import Any

import yaml
from jsonargparse import ArgumentParser
from lightning.pytorch import Trainer

from sansa_lightning.cli.resolve import as_plain, resolve
from sansa_lightning.data.datamodule import EpisodeDataModule
from sansa_lightning.module import FewShotModule
from sansa_lightning.report.gather.facts import INCIDENTAL
from sansa_lightning.strategies.base import Strategy, known_strategies
from sansa_lightning.trackers.zoo import Base

IDENTITY_VERSION = 2
"""Included in every identity. Raise it when a default changes its value, or a class the meaning of its arguments:
earlier runs are then different runs, although their configurations say the same. ``tools/move_identities.py`` moves
records of version 1, which hashed every default, to this one."""

OF_TRAINING = (
    "seed_everything",
    *(f"trainer.{key}" for key in ("max_epochs", "max_steps", "gradient_clip_val", "accumulate_grad_batches")),
    *(f"model.{key}" for key in ("losses", "optimizer", "schedule", "schedule_power", "memory_dropout", "recompute")),
    *(f"data.{key}" for key in ("seed", "train_shots", "train_targets", "train_length", "train_prompt")),
    *(f"data.{key}" for key in ("train_order", "augmentation", "batch_size", "val_episodes")),
)
"""Keys without effect if nothing trains."""

OWN_CLASS = re.compile(r"sansa_lightning(?:\.\w+)+")
"""The path of a class of this package. Only its name counts: it may move to another module."""


def identity(config: Mapping[str, Any], strategy: Strategy, *, trains: bool) -> str:
    """Hash of a resolved configuration's changes; equal for two configurations with the same result.

    Defaults of classes, of the trainer and of the command line do not count, so that a new option in a later version of
    any of them changes no identity.

    Args:
        config: nested, as in its file; ``INCIDENTAL`` keys don't count, nor a trainer's usual devices and callbacks.
        strategy: built; its settings are canonical, so that spellings ("late" or [2, 3]) don't count.
        trains: if nothing trains, keys of training don't count either.
    """
    text = _text(changes(config, strategy, trains=trains))
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def changes(config: Mapping[str, Any], strategy: Strategy, *, trains: bool) -> dict[str, Any]:
    """The changes that :func:`identity` hashes."""
    kept = json.loads(json.dumps(config))
    for key in (*INCIDENTAL, *_usual_devices(kept["trainer"])):
        _drop(kept, key)
    if not trains:
        for key in OF_TRAINING:
            _drop(kept, key)
        if kept["model"]["base"].get("weights") is not None:
            kept["model"]["base"]["seed"] = defaults(Base)["seed"]  # of random weights, which there are none of
    if str((kept["data"].get("prompt") or {}).get("class_path")).endswith(".MaskPrompt"):
        kept["data"]["prompt"] = None  # the same, written out
    kept["model"].pop("strategy", None)
    groups = {"model": FewShotModule, "data": EpisodeDataModule, "trainer": Trainer}
    found = {name: _changed(kept.pop(name), defaults(kind)) for name, kind in groups.items()}
    name = told(f"{type(strategy).__module__}.{type(strategy).__qualname__}")
    found["model"]["strategy"] = {"class": name, "changed": _settings(type(strategy), strategy.settings())}
    return {"version": IDENTITY_VERSION, **found, **_changed(kept, _command_line())}


def _changed(given: Mapping[str, Any], usual: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments that differ from the usual ones; a missing argument counts as usual."""
    found: dict[str, Any] = {}
    for key, value in given.items():
        counts, default = told(value), usual.get(key)
        if key in usual and _text(counts) == _text(told(default)):
            continue
        if not isinstance(value, Mapping) or not isinstance(default, Mapping) or "class_path" in value:
            found[key] = counts
        elif value.keys() == default.keys():  # a dataclass, whose arguments have their own defaults
            found[key] = _changed(value, default)
        else:  # a dictionary: a missing entry is a difference
            found[key] = {"whole": counts}
    return found


def told(value: Any) -> Any:
    """A value reduced to what counts: for a class, its name and the changes of its arguments."""
    if isinstance(value, Mapping) and isinstance(path := value.get("class_path"), str):
        others = {key: told(each) for key, each in value.items() if key not in ("class_path", "init_args")}
        changed = _changed(value.get("init_args") or {}, defaults(resolve_name(path)))
        return {"class": told(path), "changed": changed, **others}
    if isinstance(value, Mapping):
        return {key: told(each) for key, each in value.items()}
    if isinstance(value, list):
        return [told(each) for each in value]
    return value.rpartition(".")[2] if isinstance(value, str) and OWN_CLASS.fullmatch(value) else value


def _settings(kind: type[Strategy] | None, settings: Mapping[str, Any]) -> dict[str, Any]:
    """The settings of a strategy that differ from its defaults, and all required ones."""
    usual = {} if kind is None else _usual_settings(kind, settings)
    changed = {key: value for key, value in settings.items() if key not in usual or _text(usual[key]) != _text(value)}
    return {key: _parts(value) for key, value in changed.items()}


def _usual_settings(kind: type[Strategy], settings: Mapping[str, Any]) -> dict[str, Any]:
    """The default settings of the strategy, built with the required ones."""
    parameters = inspect.signature(kind).parameters.items()
    given = {key: settings[key] for key, each in parameters if each.default is each.empty and key in settings}
    try:
        usual = kind.from_settings(given).settings()
    except ValueError:  # its defaults do not fit the required settings
        return {}
    return {key: value for key, value in usual.items() if key not in given}


def _parts(value: Any) -> Any:
    """A setting; strategies nested in it are reduced to their differences from defaults."""
    if isinstance(value, list):
        return [_parts(each) for each in value]
    if isinstance(value, Mapping) and value.keys() == {"class", "settings"}:
        name = value["class"]
        return {"class": name, "changed": _settings(known_strategies().get(name), value["settings"])}
    return value


def _text(value: Any) -> str:
    """The text by which values are compared: in Python 1 equals 1.0, but for a trainer they are one batch and all."""
    return json.dumps(value, sort_keys=True, default=str)


@cache
def defaults(kind: type) -> dict[str, Any]:
    """The arguments of a class with their defaults, written as in a configuration; None for a required one."""
    parser = ArgumentParser(exit_on_error=False)
    parser.add_class_arguments(kind, fail_untyped=False)
    text = parser.dump(parser.get_defaults(), skip_unset=False, skip_validation=True)
    found: dict[str, Any] = yaml.safe_load(text) or {}
    return found


@cache
def _command_line() -> dict[str, Any]:
    """The configuration of ``fit`` without arguments."""
    return as_plain(resolve((), {}))


def _usual_devices(trainer: Mapping[str, Any]) -> list[str]:
    """Keys that count only if set to something unusual: devices multiply the batch, and callbacks may end a run.

    The number of devices that "auto" gives depends on the machine, except on CPUs, where it is one.
    """
    devices, one = trainer.get("devices"), trainer.get("accelerator") == "cpu"
    usual = {"trainer.devices": devices in (None, "auto") or (one and str(devices) == "1")}
    usual["trainer.callbacks"] = not trainer.get("callbacks")
    return [key for key, holds in usual.items() if holds]


def _drop(config: dict[str, Any], key: str) -> None:
    *path, last = key.split(".")
    for part in path:
        config = config.get(part) or {}
    config.pop(last, None)
