"""Files in the layout of FS-SAM2's published checkpoints: SAM 2 whole, as peft wrapped it (docs/fs_sam2.md 5)."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from sansa_lightning.files.messages import brief, counted
from sansa_lightning.files.tensors import compare, summary
from sansa_lightning.strategies.base import Strategy
from sansa_lightning.strategies.lora import LoRA
from sansa_lightning.trackers.base import Tracker

WRAPPED = re.compile(r"(?:.*\.)?base_model\.model\..+\.lora_[AB]\.default\.weight")
"""Keys of a file of this layout, which no other has."""

LORA_KEY = re.compile(r"(image_encoder|memory_attention|memory_encoder)\..+\.lora_([AB])\.default\.weight")
PREFIX = re.compile(r"(?:(?:module|model|sam2?)\.)*")
CONTAINERS = ("model", "state_dict", "model_state_dict")

TARGETS: dict[str, tuple[str, ...]] = {
    "trunk": ("qkv", "proj"),
    "memory_attention": ("q_proj", "k_proj", "v_proj", "out_proj"),
    "memory_encoder": ("out_proj",),
}
"""The layers that FS-SAM2 wraps, by the ends of their names: 85 of SAM 2.1 base_plus."""

MODULES = {"trunk": "image_encoder", "memory_attention": "memory_attention", "memory_encoder": "memory_encoder"}
ALPHA = 16.0
"""The file does not say it."""

METHOD: dict[str, Any] = {"class": "FsSam2", "settings": {}}
"""As a header says it."""


def is_fs_sam2(content: Mapping[Any, Any]) -> bool:
    """Whether a file's content is of this layout."""
    state = _inside(content)
    return isinstance(state, Mapping) and any(WRAPPED.fullmatch(str(key)) for key in state)


def fs_sam2(
    path: Path, content: Mapping[Any, Any], tracker: Tracker
) -> tuple[Callable[[], Strategy], dict[str, Tensor]]:
    """A builder of the file's strategy, and its trained tensors by their names in the model.

    The file also holds the frozen weights. They must be those of the tracker: the strategy belongs to them.

    Args:
        path: of the file.
        content: of the file, see :func:`is_fs_sam2`.
        tracker: the base that it must fit.

    Raises:
        ValueError: a key or tensor is missing, unexpected or of another size, or the frozen weights differ.
    """
    state = official(_inside(content), path)
    lora = {name: value for name, value in state.items() if LORA_KEY.fullmatch(name)}
    _check_frozen({name: value for name, value in state.items() if name not in lora}, tracker, path)
    ranks = {part: _rank(lora, module, path) for part, module in MODULES.items()}
    named = {f"base.{name}": value for name, value in lora.items()}
    return lambda: LoRA("all", TARGETS, ranks, ALPHA), named


def official(state: Mapping[Any, Any], path: Path) -> dict[str, Any]:
    """The file's entries without what wrapping adds to their names: SAM 2's own keys, and LoRA's below its layers.

    Raises:
        ValueError: two keys have the same name.
    """
    found: dict[str, Any] = {}
    for key, value in state.items():
        name = PREFIX.sub("", str(key), count=1).replace("base_model.model.", "").replace(".base_layer.", ".")
        if name in found:
            msg = f"adapter {path}: {brief(name, 120)} occurs twice, with different prefixes; expected it once"
            raise ValueError(msg)
        found[name] = value
    return found


def _inside(content: Mapping[Any, Any]) -> Any:
    """The state dict: under one of the usual keys, or the file itself."""
    return next((content[key] for key in CONTAINERS if key in content), content)


def _check_frozen(frozen: Mapping[str, Any], tracker: Tracker, path: Path) -> None:
    own = tracker.state_dict()
    problems = compare(frozen, own)
    if extra := frozen.keys() - own.keys():
        problems.append(f"unexpected {summary(extra)}")
    if not problems:
        other = [name for name in own if not torch.equal(frozen[name].to(own[name]), own[name])]
        problems += [f"{counted(len(other), 'tensor')} with other values, first {other[0]}"] if other else []
    if problems:
        msg = (
            f"adapter {path}: its frozen weights are not those of this base: {'; '.join(problems)}; FS-SAM2's base is "
            f"sam2.1_hiera_base_plus with object_scores: true and its official weights"
        )
        raise ValueError(msg)


def _rank(lora: Mapping[str, Any], module: str, path: Path) -> int:
    """The rank in a module, by its first layer; the others are compared when the strategy is tried on the base."""
    ranks = [
        value.shape[0]
        for name, value in lora.items()
        if (match := LORA_KEY.fullmatch(name)) and match[1] == module and match[2] == "A"
        if isinstance(value, Tensor) and value.ndim > 1 and len(value)
    ]
    if not ranks:
        where = ", ".join(MODULES.values())
        msg = f"adapter {path}: it has no {module}.<...>.lora_A.default.weight; expected LoRA in all of {where}"
        raise ValueError(msg)
    return int(ranks[0])
