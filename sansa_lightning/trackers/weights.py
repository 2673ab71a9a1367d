"""Weights of a tracker: finding the file, strict loading, and a fingerprint."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import nn

from sansa_lightning.files.hub import hub_file
from sansa_lightning.files.messages import brief
from sansa_lightning.files.tensor_files import read_tensors
from sansa_lightning.files.tensors import compare, summary
from sansa_lightning.trackers.packaged import packaged_weights

OFFICIAL = "official"
"""Value of ``weights`` that asks for the published file of the base."""

WEIGHTS_VARIABLE = "SANSA_WEIGHTS"
"""Environment variable: a folder with the published files."""

NANO = "nano"


def find_weights(name: str, weights: str | Path) -> Path:
    """The file that ``weights`` asks for.

    Raises:
        FileNotFoundError: there is none; says which file is missing and where to put it.
    """
    if str(weights) != OFFICIAL:
        path = Path(weights).expanduser()
        if not path.is_file():
            msg = f"weights of {name}: {path} is not a file; give a path, {OFFICIAL!r}, or null for random weights"
            raise FileNotFoundError(msg)
        return path
    if name == NANO:
        return packaged_weights(name)
    folder = os.environ.get(WEIGHTS_VARIABLE)
    if folder and (Path(folder) / f"{name}.pt").is_file():
        return Path(folder) / f"{name}.pt"
    return download_weights(name)


def download_weights(name: str) -> Path:
    """The published file in the local Hugging Face cache, downloaded (or the download resumed) if it is missing.

    Raises:
        FileNotFoundError: the hub cannot be reached, or refuses.
        ValueError: the file in the cache is not the one the hub announced (SHA-256).
    """
    remedy = f"put the file into a folder and set {WEIGHTS_VARIABLE} to it, or set weights to its path"
    return hub_file("facebook/" + name.replace("_", "-"), f"{name}.pt", f"weights of {name}", remedy)


def load_weights(tracker: nn.Module, path: Path, left_over: frozenset[str] = frozenset()) -> None:
    """Copy the tensors of a file into ``tracker``, strictly.

    Args:
        tracker: receives them.
        path: .pt with ``{"model": state dict}`` or a bare state dict, or .safetensors.
        left_over: keys that the file may have beyond those of ``tracker``: all of them or none.

    Raises:
        ValueError: keys, shapes or number formats differ in any other way, or a number is not finite; then nothing is
            copied.
    """
    state = published_layout(read_tensors(path), path)
    own = tracker.state_dict()
    problems = compare(state, own)
    extra = state.keys() - own.keys()
    if unexpected := extra - left_over:
        problems.append(f"unexpected {summary(unexpected)}")
    elif extra and (absent := left_over - extra):
        problems.append(f"missing {summary(absent)}")
    if problems:
        msg = f"weights: {path} does not fit this base: {'; '.join(problems)}"
        raise ValueError(msg)
    tracker.load_state_dict({key: state[key] for key in own})


def published_layout(content: Mapping[str, Any], path: Path) -> Mapping[str, Any]:
    """The state dict of a file: under "model", as published, or the file itself.

    Raises:
        ValueError: something else is under "model", or a key is not a name.
    """
    state = content.get("model", content)
    if not isinstance(state, Mapping):
        msg = f"{path}: expected a state dict under 'model', but got {type(state).__name__}"
        raise ValueError(msg)
    if odd := [key for key in state if not isinstance(key, str)]:
        msg = f"{path}: expected tensors by their names, but got one under the key {brief(odd[0])}"
        raise ValueError(msg)
    return state


def fingerprint(tracker: nn.Module) -> str:
    """SHA-256 over names, shapes and float32 bytes of all tensors, by which a checkpoint identifies its base.

    Call it before a strategy is attached, which may add or rename tensors.
    """
    digest = hashlib.sha256()
    for key, tensor in sorted(tracker.state_dict().items()):
        digest.update(f"{key}{tuple(tensor.shape)}".encode())
        digest.update(tensor.detach().cpu().float().contiguous().numpy().tobytes())
    return digest.hexdigest()
