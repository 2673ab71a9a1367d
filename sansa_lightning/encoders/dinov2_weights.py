"""DINOv2's weights: finding the file, and its names in the transformers library."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from sansa_lightning.files.hub import hub_file
from sansa_lightning.files.tensor_files import read_tensors
from sansa_lightning.files.tensors import compare, summary
from sansa_lightning.trackers.weights import OFFICIAL, WEIGHTS_VARIABLE

TRAINED_GRID = 37
"""Side of the published tables of positions, in patches: 518 pixels."""

LETTERS = {"small": "s", "base": "b", "large": "l", "giant": "g"}
STORED = "model.safetensors"
"""The file of a repository of the hub, or of a folder in its layout."""

NAMES = (
    # Of the release.
    (r"cls_token|mask_token", r"embeddings.\g<0>"),
    (r"pos_embed", "embeddings.position_embeddings"),
    (r"patch_embed\.proj\.", "embeddings.patch_embeddings.projection."),
    (r"norm\.(weight|bias)", r"layernorm.\1"),
    (r"blocks\.(\d+)\.", r"encoder.layer.\1."),
    # Inside a block, of the release and of older versions of the library.
    (r"(encoder\.layer\.\d+)\.attn\.proj\.", r"\1.attention.o_proj."),
    (r"(encoder\.layer\.\d+)\.ls(\d)\.gamma", r"\1.layer_scale\2.lambda1"),
    (r"(encoder\.layer\.\d+\.mlp)\.(?:w3|weights_out)\.", r"\1.down_proj."),
    (r"(encoder\.layer\.\d+\.attention)\.output\.dense\.", r"\1.o_proj."),
    (r"(encoder\.layer\.\d+\.attention)\.attention\.query\.", r"\1.q_proj."),
    (r"(encoder\.layer\.\d+\.attention)\.attention\.key\.", r"\1.k_proj."),
    (r"(encoder\.layer\.\d+\.attention)\.attention\.value\.", r"\1.v_proj."),
)
"""Beginnings of names, each with what stands for it in the library; applied in order."""

STACKED = (
    (r"(encoder\.layer\.\d+)\.attn\.qkv\.(weight|bias)", ("attention.q_proj", "attention.k_proj", "attention.v_proj")),
    (r"(encoder\.layer\.\d+)\.mlp\.(?:w12|weights_in)\.(weight|bias)", ("mlp.gate_proj", "mlp.up_proj")),
)
"""Tensors whose rows are those of several layers of the library, in this order."""


def dino_state(size: str, weights: str, own: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Published tensors under the names of the library, float32.

    Args:
        size: small, base, large or giant.
        weights: see :class:`~sansa_lightning.encoders.dinov2.DinoV2`.
        own: the tensors of the network, of which shapes and names count.

    Raises:
        FileNotFoundError: the file is missing, or the hub cannot be reached.
        ValueError: the file does not fit.
    """
    path = dino_file(size, weights)
    state = library_names(read_tensors(path))
    problems = compare(state, own)
    if unexpected := state.keys() - own.keys():
        problems.append(f"unexpected {summary(unexpected)}")
    if problems:
        msg = f"DinoV2.weights: {path} does not fit size {size}: {'; '.join(problems)}"
        raise ValueError(msg)
    return {name: state[name].float() for name in own}


def dino_file(size: str, weights: str) -> Path:
    """The file that ``weights`` asks for, downloaded if need be.

    Raises:
        FileNotFoundError: there is none; says where to put it.
    """
    released = f"dinov2_vit{LETTERS[size]}14_pretrain.pth"
    folder = os.environ.get(WEIGHTS_VARIABLE)
    name = released if weights == OFFICIAL else weights
    path = Path(weights).expanduser()
    if folder and name and Path(name).name == name and (Path(folder) / name).exists():
        path = Path(folder) / name
    if path.is_file():
        return path
    if path.is_dir():
        if (path / STORED).is_file():
            return path / STORED
        msg = f"DinoV2.weights: the folder {path} has no {STORED}"
        raise FileNotFoundError(msg)
    repository = f"facebook/dinov2-{size}" if weights == OFFICIAL else weights
    if not re.fullmatch(r"[\w-][\w.-]*/[\w-][\w.-]*", repository) or repository.endswith(
        (".pth", ".pt", ".safetensors")
    ):
        msg = (
            f"DinoV2.weights: {path} is neither a file nor a folder; put {path.name} into a folder and set "
            f"{WEIGHTS_VARIABLE} to it, or give the path of a file or folder, a repository of the hub as owner/name, "
            f"{OFFICIAL!r}, or null for random weights"
        )
        raise FileNotFoundError(msg)
    remedy = f"put {released} into a folder and set {WEIGHTS_VARIABLE} to it, or set weights to the path of a file"
    return hub_file(repository, STORED, "DinoV2.weights", remedy)


def library_names(state: Mapping[str, Any]) -> dict[str, Any]:
    """Tensors under the names of the library, from those of the release or of an older library; see ``NAMES``."""
    found: dict[str, Any] = {}
    for key, value in state.items():
        name = str(key)
        for pattern, instead in NAMES:
            name = re.sub(rf"^(?:{pattern})", instead, name)
        found |= _unstacked(name, value)
    return found


def _unstacked(name: str, value: Any) -> dict[str, Any]:
    for pattern, layers in STACKED:
        parts = re.fullmatch(pattern, name)
        if parts and isinstance(value, Tensor) and value.ndim and len(value) % len(layers) == 0:
            rows = value.chunk(len(layers))
            return {f"{parts[1]}.{layer}.{parts[2]}": part for layer, part in zip(layers, rows, strict=True)}
    return {name: value}
