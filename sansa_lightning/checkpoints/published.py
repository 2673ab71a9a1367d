"""Adapters in the layout of the published SANSA files."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from sansa_lightning.checkpoints.header import HEADER
from sansa_lightning.checkpoints.portable import with_header
from sansa_lightning.checkpoints.published_fs_sam2 import is_fs_sam2
from sansa_lightning.files.messages import brief
from sansa_lightning.strategies.adaptformer import AdaptFormer
from sansa_lightning.strategies.base import Strategy, placed_blocks
from sansa_lightning.trackers.base import Tracker
from sansa_lightning.trackers.weights import published_layout

log = logging.getLogger(__name__)

ADAPTER_KEY = re.compile(
    r"image_encoder\.trunk\.blocks\.(0|[1-9][0-9]{0,3})\.adapter\."
    r"((?:adapter_layer_norm_before|down_proj|up_proj)\.(?:weight|bias))"
)
TENSORS_PER_BLOCK = 6
PREFIX = "base."
"""Prefix of a tracker's parameters in the model."""


def published_adapter(content: Mapping[str, Any], path: Path, subcommand: str) -> Path | None:
    """The path if the file is a published adapter, SANSA's, FS-SAM2's or ours, for ``scored_as_trained``; else None.

    Args:
        content: of the file.
        path: of the file.
        subcommand: to which it was given.

    Raises:
        ValueError: it is a published adapter, and the subcommand is fit.
    """
    state = content.get("model", content)
    portable = path.suffix == ".safetensors" and HEADER in with_header(path, content)
    named = isinstance(state, Mapping) and any(ADAPTER_KEY.fullmatch(_bare(str(key))) for key in state)
    if HEADER in content or not (portable or named or is_fs_sam2(content)):
        return None
    if subcommand == "fit":
        msg = (
            f"ckpt_path: {path} is a published adapter, which holds no state of a run to resume; validate, test, "
            f"predict and sansa_lightning.load(..., adapter=PATH) take it"
        )
        raise ValueError(msg)
    return path


def published(
    path: Path, content: Mapping[str, Any], tracker: Tracker
) -> tuple[Callable[[], Strategy], dict[str, Tensor]]:
    """A builder of a published file's strategy, and the file's tensors by their names in the model.

    Args:
        path: of the file.
        content: of the file.
        tracker: the base that it must fit.

    Raises:
        ValueError: it is not a published adapter, or of another size.
    """
    state = published_state(published_layout(content, path), path)
    hidden, blocks = {}, tracker.blocks()
    for number in sorted({block for block, _ in state}):
        down = state.get((number, "down_proj.weight"))
        count = sum(block == number for block, _ in state)
        if number >= len(blocks) or down is None or count != TENSORS_PER_BLOCK:
            msg = f"adapter {path}: block {number} has {count} of {TENSORS_PER_BLOCK} tensors, or the base lacks it"
            raise ValueError(msg)
        if down.ndim != 2 or down.shape[1] != blocks[number].dim_out:
            msg = (
                f"adapter {path}: image_encoder.trunk.blocks.{number}.adapter.down_proj.weight is {list(down.shape)}, "
                f"but block {number} of this base has {blocks[number].dim_out} channels; is it for another size?"
            )
            raise ValueError(msg)
        hidden[number] = down.shape[0]
    placement = [stage for stage in range(4) if set(placed_blocks(tracker, [stage])) <= hidden.keys()]
    if not placement or set(placed_blocks(tracker, placement)) != hidden.keys():
        msg = f"adapter {path}: blocks {sorted(hidden)} are not whole stages of this base; is it for another size?"
        raise ValueError(msg)
    name = getattr(getattr(tracker, "built_from", None), "name", "")
    if name.startswith("sam2.1"):
        log.warning("adapter %s: published adapters were trained on SAM 2.0, but the base is %s", path, name)
    named = {f"{PREFIX}{blocks[block].name}.adapter.{part}": value for (block, part), value in state.items()}
    return lambda: AdaptFormer(placement=placement, hidden=hidden), named


def _bare(key: str) -> str:
    return key.replace("module.", "").removeprefix("sam.")


def published_state(model: Mapping[str, Any], path: Path) -> dict[tuple[int, str], Tensor]:
    """Adapter tensors of a published file by (block, name in the adapter), without prefixes ``module.`` and ``sam.``.

    Raises:
        ValueError: a key is not an adapter's, or there is no adapter at all.
    """
    state = {}
    for key, value in model.items():
        name = _bare(key)
        if name.endswith(("total_ops", "total_params")):  # left behind by a FLOP counter
            continue
        match = ADAPTER_KEY.fullmatch(name)
        if match is not None and (int(match[1]), match[2]) in state:
            msg = f"adapter {path}: {name} occurs twice, with different prefixes; expected it once"
            raise ValueError(msg)
        if match is None or not isinstance(value, Tensor):
            msg = (
                f"adapter {path}: unexpected key {brief(key, 120)}; expected "
                f"image_encoder.trunk.blocks.<i>.adapter.<...>, or a checkpoint of this project"
            )
            raise ValueError(msg)
        state[int(match[1]), match[2]] = value
    if not state:
        msg = f"adapter {path}: holds no tensors"
        raise ValueError(msg)
    return state
