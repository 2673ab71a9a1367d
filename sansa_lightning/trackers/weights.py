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
from sansa_lightning.trackers.base import Tracker
from sansa_lightning.trackers.packaged import packaged_weights

OFFICIAL = "official"
"""Value of ``weights`` that asks for the published file of the base."""

WEIGHTS_VARIABLE = "SANSA_WEIGHTS"
"""Environment variable: a folder with the published files."""

NANO = "nano"

SAM3 = "sam3"

HUB = "hf://"
"""Beginning of a repository of the Hugging Face hub: ``hf://facebook/sam2.1-hiera-tiny``."""

OF_TRANSFORMERS = "model.safetensors"
"""The file of a folder or repository in the layout of the transformers library."""


def find_weights(name: str, weights: str | Path) -> Path:
    """The file that ``weights`` asks for.

    Args:
        name: of the base.
        weights: a file; a folder or a repository of the hub (``hf://owner/name``) with a ``model.safetensors``; or
            "official".

    Raises:
        FileNotFoundError: there is none; says which file is missing and where to put it.
        ValueError: it is broken.
    """
    if str(weights).startswith(HUB):
        return download_weights(name, str(weights).removeprefix(HUB), OF_TRANSFORMERS)
    if str(weights) != OFFICIAL:
        given = Path(weights).expanduser()
        path = given / OF_TRANSFORMERS if given.is_dir() else given
        if not path.is_file():
            msg = f"weights of {name}: {path} is not a file; give a path, {OFFICIAL!r}, or null for random weights"
            raise FileNotFoundError(msg)
        return path
    if name == NANO:
        return packaged_weights(name)
    folder, repository, file = os.environ.get(WEIGHTS_VARIABLE), *_published(name)
    kept = f"{name}{Path(file).suffix}"
    if folder and (Path(folder) / kept).is_file():
        return Path(folder) / kept
    return download_weights(name, repository, file, kept)


def _published(name: str) -> tuple[str, str]:
    """The repository and the file of a base's published weights."""
    return ("facebook/sam3", OF_TRANSFORMERS) if name == SAM3 else (f"facebook/{name.replace('_', '-')}", f"{name}.pt")


def download_weights(name: str, repository: str, file: str, kept: str | None = None) -> Path:
    """A file of the hub in the local Hugging Face cache, downloaded (or the download resumed) if it is missing.

    Args:
        name: of the base.
        repository: its owner and name.
        file: in the repository.
        kept: the file's name in the folder ``SANSA_WEIGHTS``, if it is looked for there.

    Raises:
        FileNotFoundError: the hub cannot be reached, or refuses.
        ValueError: the file in the cache is not the one the hub announced (SHA-256).
    """
    gated = "accept its licence there and log in (hf auth login), or " if name == SAM3 else ""
    named = "" if kept == file else f", as {kept},"
    folder = f"put the file into a folder{named} and set {WEIGHTS_VARIABLE} to it, or " if kept else ""
    return hub_file(repository, file, f"weights of {name}", f"{gated}{folder}set weights to its path")


def load_weights(tracker: Tracker, path: Path, left_over: frozenset[str] = frozenset()) -> None:
    """Copy the tensors of a file into ``tracker``, strictly.

    Args:
        tracker: receives them; it knows the layouts in which its weights are stored.
        path: .pt with ``{"model": state dict}`` or a bare state dict, or .safetensors.
        left_over: keys that the file may have beyond those of ``tracker``: all of them or none.

    Raises:
        ValueError: keys, shapes or number formats differ in any other way, or a number is not finite; then nothing is
            copied.
    """
    state = tracker.own_layout(published_layout(read_tensors(path), path))
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
