"""A model's trained tensors and header as one safetensors file, which is what is published and downloaded."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from sansa_lightning.checkpoints.header import HEADER
from sansa_lightning.files.hub import hub_file
from sansa_lightning.files.messages import brief
from sansa_lightning.files.tensor_files import read_tensors
from sansa_lightning.files.whole import replacing

ADAPTER = "adapter.safetensors"
HUB = "hub:"
"""Beginning of an adapter's name that stands for a repository of the Hugging Face hub: ``hub:owner/name``."""


def write_portable(path: Path, header: Mapping[str, Any], state: Mapping[str, Tensor]) -> None:
    """Write the file, whole or not at all.

    Args:
        path: ends in ``.safetensors``.
        header: see ``checkpoints.header``; it becomes the file's metadata, as JSON.
        state: the trained tensors by their names in the model.
    """
    from safetensors.torch import save

    tensors = {name: value.detach().cpu().contiguous() for name, value in state.items()}
    content = save(tensors, metadata={HEADER: json.dumps(header, sort_keys=True)})
    with replacing(path) as partial:
        partial.write_bytes(content)


def adapter_content(path: Path) -> dict[str, Any]:
    """Tensors and header of an adapter's file: a checkpoint of this project, or a published one of anybody's.

    Raises:
        FileNotFoundError: no such file.
        ValueError: it cannot be read.
    """
    content = read_tensors(path)
    return with_header(path, content) if path.suffix == ".safetensors" else content


def with_header(path: Path, tensors: Mapping[str, Any]) -> dict[str, Any]:
    """The content of a checkpoint, from a file that :func:`write_portable` wrote; of another one the tensors alone.

    Args:
        path: of the safetensors file.
        tensors: in it.

    Raises:
        ValueError: its header is not JSON.
    """
    from safetensors import safe_open

    with safe_open(path, framework="pt") as file:
        text = (file.metadata() or {}).get(HEADER)
    if text is None:
        return dict(tensors)
    try:
        return {HEADER: _numbered(json.loads(text)), "state_dict": dict(tensors)}
    except (ValueError, RecursionError) as error:
        msg = f"adapter {path}: its header is not JSON: {brief(text)}"
        raise ValueError(msg) from error


def downloaded(name: str) -> Path:
    """The adapter of a repository of the hub, from the local cache or downloaded.

    Args:
        name: ``hub:owner/name``.

    Raises:
        ValueError: it names no repository, or the file is damaged.
        FileNotFoundError: the hub cannot be reached, or has no such adapter.
    """
    repository = name.removeprefix(HUB)
    if repository.count("/") != 1 or not all(repository.split("/")):
        msg = f"adapter: expected hub:OWNER/NAME, but got {name!r}"
        raise ValueError(msg)
    return hub_file(repository, ADAPTER, f"adapter {name}", "check the name, or give the file of an adapter")


def _numbered(value: Any) -> Any:
    """JSON's values with whole numbers as keys again, as the blocks of ``AdaptFormer.hidden`` are."""
    if isinstance(value, list):
        return [_numbered(each) for each in value]
    if isinstance(value, dict):
        return {int(key) if key.isdecimal() else key: _numbered(each) for key, each in value.items()}
    return value
