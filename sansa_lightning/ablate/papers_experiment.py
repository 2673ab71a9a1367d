"""Is a configuration the paper's own experiment? Only then are its numbers shown beside ours."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from sansa_lightning.cli.resolve import as_plain, resolve
from sansa_lightning.files.messages import brief, one_line
from sansa_lightning.report.gather.facts import INCIDENTAL

EXPERIMENT = Path(__file__).with_suffix(".yaml")
BASE = "sam2_hiera_large"
BATCH = 32
"""Clips of a step, over all processes."""

OF_ROWS = ("model.strategy", "data.train_targets", "data.prompt", "data.train_prompt")
"""Keys that the paper's tables compare, beside bases: the files of a row may change them."""

FREE = (
    *INCIDENTAL,
    "recipe",
    *("seed_everything", "model.base.seed", "data.seed", "data.test_seed", "data.protocol.init_args.fold"),
    *(f"data.source.init_args.{key}" for key in ("root", "check_files", "name")),
    *("data.val_episodes", "data.eval_batch_size", "data.controls"),
    *("model.base.name", "model.recompute", "model.method.init_args.encode_chunk"),
    *("data.batch_size", "trainer.accumulate_grad_batches", "trainer.devices", "trainer.num_nodes"),
    *(f"trainer.{key}" for key in ("accelerator", "strategy", "benchmark", "deterministic", "profiler", "plugins")),
    *(f"trainer.{key}" for key in ("val_check_interval", "check_val_every_n_epoch", "num_sanity_val_steps")),
    *(f"trainer.{key}" for key in ("limit_val_batches", "limit_predict_batches", "enable_checkpointing")),
    *(f"trainer.{key}" for key in ("detect_anomaly", "inference_mode", "enable_autolog_hparams", "model_registry")),
)
"""Keys for the place of the data, for random numbers, and for executing and watching a run; base and batch are checked
separately."""


def difference(config: Mapping[str, Any], base: str | None = BASE, files: Sequence[Path] = ()) -> str:
    """Differences of a resolved configuration from COCO-20i, strict, one reference, 640 pixels (Tables 3, 4, 8, 9).

    Args:
        config: nested.
        base: of the paper's numbers; None for any published one.
        files: of the row, which may change the keys that the paper's tables compare.

    Returns:
        A phrase: the kind of experiment, or, if that is the paper's, each differing key; empty if there is no
        difference.
    """
    if kind := _kind(config, base):
        return ", ".join(kind)
    try:
        papers = _papers(tuple(files))
    except ValueError as error:
        return f"files that do not fit the paper's experiment: {one_line(error)}"
    return ", ".join([*_batch(config), *_keys(_comparable(config), papers)])


def _kind(config: Mapping[str, Any], base: str | None) -> list[str]:
    data, model, papers = config["data"], config["model"], _papers()
    source, protocol = (_class(data[key]) for key in ("source", "protocol"))
    folds = data["protocol"].get("init_args", {}).get("folds")
    strict = papers["data"]["protocol"]
    name = model["base"]["name"]
    facts = (
        (source in ("Coco", "Coco20iReleased"), f"source {source}"),
        (protocol == _class(strict) and folds == strict["init_args"]["folds"], f"protocol {protocol}"),
        (data["shots"] == papers["data"]["shots"], f"{data['shots']} references"),
        (data["size"] == papers["data"]["size"], f"{data['size']} pixels"),
        (name == base if base else name.startswith("sam2_hiera_"), f"base {name}"),
        (model["base"]["weights"] is not None, "random weights"),
        (not data["memorise"], "memorised test clips"),
    )
    return [phrase for holds, phrase in facts if not holds]


def _batch(config: Mapping[str, Any]) -> list[str]:
    """The clips of a step, if not the paper's; if the number of processes is open, they need only divide it."""
    trainer, devices = config["trainer"], config["trainer"]["devices"]
    clips = config["data"]["batch_size"] * trainer["accumulate_grad_batches"] * trainer["num_nodes"]
    count = len(devices) if isinstance(devices, list) else int(devices) if str(devices).isdecimal() else None
    if count is None:
        return [f"batch {clips} per process"] * (BATCH % clips > 0)
    return [f"batch {clips * count}"] * (clips * count != BATCH)


def _keys(ours: Any, papers: Any, key: str = "") -> list[str]:
    """The differing keys, with our values."""
    if key in FREE or ours == papers:
        return []
    if isinstance(ours, Mapping) and isinstance(papers, Mapping) and ours.get("class_path") == papers.get("class_path"):
        parts = dict.fromkeys([*papers, *ours])
        return [
            phrase
            for part in parts
            for phrase in _keys(ours.get(part), papers.get(part), f"{key}.{part}" if key else part)
        ]
    value = _class(ours) if isinstance(ours, Mapping) and "class_path" in ours else brief(ours)
    return [f"{key.replace('.init_args', '')} {value}"]


def _comparable(config: Mapping[str, Any]) -> dict[str, Any]:
    """The configuration, with equivalent descriptions of the paper's data replaced by the paper's own."""
    data, source, prompt = dict(config["data"]), config["data"]["source"], config["data"]["prompt"]
    if _class(source) == "Coco20iReleased" and source["init_args"]["fold"] is None:
        data["source"] = _papers()["data"]["source"]  # the same images and masks from other files
    if prompt is not None and _class(prompt) == "MaskPrompt":
        data["prompt"] = None
    return {**config, "data": data}


@cache
def _papers(files: tuple[Path, ...] = ()) -> dict[str, Any]:
    """The paper's experiment, with a row's files applied to ``OF_ROWS``."""
    papers = as_plain(resolve([EXPERIMENT], {}))
    if files:
        changed = _comparable(as_plain(resolve([EXPERIMENT, *files], {})))
        for group, key in (each.split(".") for each in OF_ROWS):
            papers[group][key] = changed[group][key]
    return papers


def _class(config: Mapping[str, Any]) -> str:
    return str(config["class_path"]).rpartition(".")[2]
