"""The command ``analyze``: build model and data, run one analysis, write its findings."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, replace
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from jsonargparse import ArgumentError, ArgumentParser

from sansa_lightning.analysis.contract import Analysis, check_folder, check_installed
from sansa_lightning.analysis.kinds.names import KINDS
from sansa_lightning.annotate.loading import adapter_file, device_of
from sansa_lightning.checkpoints.trained import load_checkpoint
from sansa_lightning.cli.analyze.options import OWN, Options
from sansa_lightning.cli.recipes import FEW_SHOT, RECIPES
from sansa_lightning.cli.resolve import build, resolve
from sansa_lightning.data.datamodule import EpisodeDataModule
from sansa_lightning.files.messages import counted, one_line
from sansa_lightning.files.whole import sha256_of
from sansa_lightning.model import FewShotModel
from sansa_lightning.module import FewShotModule
from sansa_lightning.runs.checkpoint_files import check_checkpoint, read_checkpoint

DEEPEST = 3
"""Levels of the findings that are printed."""


def analyze(asked: Options) -> int:
    """Run an analysis, print its numbers, and write them with its figures to a folder.

    Returns:
        0.

    Raises:
        ValueError: an option, the configuration, the data or the checkpoint is wrong; says where.
        FileNotFoundError: a file is missing.
    """
    check_installed()
    check_folder(asked.out)
    analysis = read_analysis(asked.name, asked.own)
    device = device_of(asked.device or ("cuda" if torch.cuda.is_available() else "cpu"))
    module, data = build(resolve(asked.config, asked.settings))
    file = None if asked.ckpt is None else adapter_file(asked.ckpt)
    model = loaded(module, file).to(device)
    data.setup("test")
    about = described(asked, analysis, file, model, data)
    begun = time.monotonic()
    with torch.no_grad():
        findings = analysis.run(model, data)
    replace(findings, about=about | {"seconds": round(time.monotonic() - begun, 1)}).write(asked.out)
    print(f"{asked.name}: {analysis.question}")
    print("\n".join(f"  {name:<36}{value}" for name, value in few_of(findings.numbers)))
    if asked.ckpt is None and model.trained():
        print("without --ckpt nothing is trained: what is called adapted is the strategy as it begins")
    print(f"all numbers and {counted(len(findings.figures), 'figure')}: {asked.out}")
    return 0


def few_of(numbers: Mapping[str, Any], depth: int = DEEPEST) -> Iterator[tuple[str, str]]:
    """The single numbers and texts among findings, with their dotted names; lists, and what lies deeper, are left out.

    >>> list(few_of({"chance": 0.125, "frozen": {"cells": 2 / 3, "counts": [3, 4]}}))
    [('chance', '0.125'), ('frozen.cells', '0.6667')]
    """
    for name, value in numbers.items():
        if isinstance(value, Mapping) and depth > 1:
            yield from ((f"{name}.{below}", text) for below, text in few_of(value, depth - 1))
        elif not isinstance(value, Mapping | list | tuple):
            yield name, f"{value:.4g}" if isinstance(value, float) else str(value)


def read_analysis(name: str, own: Mapping[str, str]) -> Analysis:
    """An analysis with its own options.

    Raises:
        ValueError: there is no such option, or its value does not fit.
    """
    module, kind = KINDS[name].place.split(":")
    parser = ArgumentParser(exit_on_error=False)
    parser.add_class_arguments(getattr(import_module(module), kind), "analysis")
    try:
        given = parser.parse_args([f"--{OWN}{key}={value}" for key, value in own.items()])
    except ArgumentError as error:
        msg = f"analyze {name}: {one_line(error)}"
        raise ValueError(msg) from error
    found: Analysis = parser.instantiate(given).analysis
    return found


def loaded(module: FewShotModule, path: Path | None) -> FewShotModel:
    """The configured model with the trained tensors of a file, in eval mode.

    Args:
        module: configured, not built.
        path: of a checkpoint or a published adapter; None to load nothing.

    Raises:
        ValueError: the file does not fit.
    """
    if path is None:
        module.configure_model()
        return module.built.eval()
    content = read_checkpoint(path)
    module.adapter = RECIPES[FEW_SHOT].published_adapter(content, path, "test")
    if module.adapter is None:
        check_checkpoint(content, path)
    module.configure_model()
    if module.adapter is None:
        load_checkpoint(module.built, content, f"--ckpt {path}")
    return module.built.eval()


def described(
    asked: Options, analysis: Any, file: Path | None, model: FewShotModel, data: EpisodeDataModule
) -> dict[str, Any]:
    """What is analysed, in plain values: enough to do it again.

    Args:
        asked: the options.
        analysis: with its own ones.
        file: that was loaded.
        model: with its tensors.
        data: set up for "test".
    """
    found = {
        "analysis": asked.name,
        "question": analysis.question,
        "options": asdict(analysis),
        "config": [str(path) for path in asked.config],
        "settings": dict(asked.settings),
        "checkpoint": None if file is None else {"file": str(file), "sha256": sha256_of(file)},
        "model": model.header(),
        "trained_parameters": sum(parameter.numel() for parameter in model.trained().values()),
        "classes": list(data.class_names.values()),
        "episodes": data.manifest_hash("test"),
        "version": version("sansa_lightning"),
    }
    plain: dict[str, Any] = json.loads(json.dumps(found, default=str))  # a Path among the options, for instance
    return plain
