"""Only what was trained: what a checkpoint holds, loading it onto a base, importing published adapter files."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from torch import Tensor

from sansa_lightning.files import read_tensors
from sansa_lightning.sam2.zoo import compare, fingerprint, published_layout, summary
from sansa_lightning.strategies.adaptformer import AdaptFormer
from sansa_lightning.strategies.base import Strategy, known_strategies, placed_blocks, trained_parameters

if TYPE_CHECKING:
    from sam2.modeling.sam2_base import SAM2Base

log = logging.getLogger(__name__)

HEADER = "sansa_lightning"
"""Key of a checkpoint under which it says what its tensors mean; a file without it may be a published adapter."""

MODULE_PREFIX = "base."
"""Where the base lives in the LightningModule, and so in the keys of a checkpoint's ``state_dict``."""

ADAPTER_KEY = re.compile(
    r"image_encoder\.trunk\.blocks\.(\d+)\.adapter\."
    r"((?:adapter_layer_norm_before|down_proj|up_proj)\.(?:weight|bias))"
)
TENSORS_PER_BLOCK = 6


def trained_state(sam: SAM2Base) -> dict[str, Tensor]:
    """Everything that trains on a base, by its name there."""
    return {name: parameter.detach() for name, parameter in trained_parameters(sam).items()}


def header(strategy: Strategy, base_name: str, base_fingerprint: str) -> dict[str, Any]:
    """What makes the tensors of a checkpoint meaningful: plain values only."""
    return {
        "strategy": {"class": type(strategy).__name__, "settings": strategy.settings()},
        "base": {"name": base_name, "fingerprint": base_fingerprint},
    }


def check_header(found: Mapping[str, Any], expected: Mapping[str, Any], where: str) -> None:
    """Refuse a checkpoint that belongs to another base or another strategy.

    Raises:
        ValueError: names what differs.
    """
    for part in ("base", "strategy"):
        for key, value in expected[part].items():
            if found.get(part, {}).get(key) != value:
                msg = (
                    f"{where}: its {part} {key} is {found.get(part, {}).get(key)!r}, but here it is {value!r}; "
                    f"use the {part} that it was trained with"
                )
                raise ValueError(msg)


def load_trained(sam: SAM2Base, state: Mapping[str, Tensor], where: str) -> None:
    """Copy trained tensors into a base with its strategy attached, strictly.

    Raises:
        ValueError: a tensor is missing, has another shape, or has no home; nothing was copied then.
    """
    own = trained_parameters(sam)
    problems = compare(state, own)
    if extra := state.keys() - own.keys():
        problems.append(f"unexpected {summary(extra)}")
    if problems:
        msg = f"{where} does not fit what trains here: {'; '.join(problems)}"
        raise ValueError(msg)
    for name, parameter in own.items():
        parameter.data.copy_(state[name])


def attach_from(path: Path, sam: SAM2Base) -> Strategy:
    """Attach the strategy that a file was trained with, and load its tensors.

    Args:
        path: a checkpoint of this project, or a published SANSA adapter (spec 2.1, 2.2).
        sam: a base without a strategy.

    Raises:
        FileNotFoundError: no such file.
        ValueError: the file is neither, or does not fit the base.
    """
    content = read_tensors(path)
    if HEADER in content:
        return _attach_own(path, content, sam)
    return _attach_published(path, content, sam)


def published_adapter(path: Path, subcommand: str) -> Path | None:
    """The file if it is a published adapter, to be read by :func:`attach_adapter`; None if it may be something else.

    Raises:
        ValueError: it is one, and the subcommand is fit; or it cannot be read.
    """
    content = read_tensors(path) if path.is_file() else {}
    state = content.get("model", content)
    named = isinstance(state, Mapping) and any(ADAPTER_KEY.fullmatch(_bare(str(key))) for key in state)
    if not named or HEADER in content:
        return None
    if subcommand == "fit":
        msg = (
            f"ckpt_path: {path} is a published adapter, which holds no state of a run to go on with; validate, test, "
            f"predict and sansa_lightning.load(..., adapter=PATH) take it"
        )
        raise ValueError(msg)
    return path


def attach_adapter(path: Path, sam: SAM2Base, configured: Strategy) -> Strategy:
    """:func:`attach_from` of a published file in the place of a configured strategy; says where they differ.

    Raises:
        ValueError: the configured strategy is no AdaptFormer, or the file does not fit the base.
    """
    if not isinstance(configured, AdaptFormer):
        msg = (
            f"adapter {path}: it holds AdaptFormer's tensors, but model.strategy is {type(configured).__name__}; "
            f"use the strategy that it was trained with"
        )
        raise ValueError(msg)
    found = attach_from(path, sam)
    said, brought = configured.settings(), found.settings()
    different = [name for name in ("placement", "scale", "layer_norm", "insertion") if said[name] != brought[name]]
    if different:
        pairs = ", ".join(f"{name} {brought[name]} (model.strategy says {said[name]})" for name in different)
        log.warning("adapter %s is scored as it was trained: %s", path, pairs)
    return found


def _attach_own(path: Path, content: Mapping[str, Any], sam: SAM2Base) -> Strategy:
    where = f"adapter {path}"
    try:
        found = content[HEADER]
        check_header(found, {"base": {"fingerprint": fingerprint(sam)}, "strategy": {}}, where)
        kind, settings = _strategy_class(found["strategy"]["class"], path), found["strategy"]["settings"]
        state = {key.removeprefix(MODULE_PREFIX): value for key, value in content["state_dict"].items()}
        strategy = _attached(kind, settings, sam, where)
    except (AttributeError, KeyError, TypeError, OverflowError, RuntimeError) as error:
        msg = f"{where} is not a whole checkpoint of this project: {type(error).__name__} {error}"
        raise ValueError(msg) from error
    load_trained(sam, state, where)
    return strategy


def _attached(kind: type[Strategy], settings: Mapping[str, Any], sam: SAM2Base, where: str) -> Strategy:
    try:
        strategy = kind.from_settings(settings)
        strategy.attach(sam)
    except ValueError as error:
        msg = f"{where}: {error}"
        raise ValueError(msg) from error
    return strategy


def _strategy_class(name: str, path: Path) -> type[Strategy]:
    """A strategy by its name, out of those that were imported: a file cannot make us import anything."""
    import sansa_lightning.strategies.all  # noqa: F401  makes the project's own ones known

    found = known_strategies()
    if name not in found:
        msg = f"adapter {path}: strategy {name!r} is not known; import its module first; known: {sorted(found)}"
        raise ValueError(msg)
    return found[name]


def _attach_published(path: Path, content: Mapping[str, Any], sam: SAM2Base) -> Strategy:
    state = published_state(published_layout(content, path), path)
    hidden, blocks = {}, sam.image_encoder.trunk.blocks
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
    placement = [stage for stage in range(4) if set(placed_blocks(sam, [stage])) <= hidden.keys()]
    if not placement or set(placed_blocks(sam, placement)) != hidden.keys():
        msg = f"adapter {path}: blocks {sorted(hidden)} are not whole stages of this base; is it for another size?"
        raise ValueError(msg)
    strategy = AdaptFormer(placement=placement, hidden=hidden)
    strategy.attach(sam)
    named = {f"image_encoder.trunk.blocks.{block}.adapter.{part}": value for (block, part), value in state.items()}
    load_trained(sam, named, f"adapter {path}")
    return strategy


def _bare(key: str) -> str:
    return key.replace("module.", "").removeprefix("sam.")


def published_state(model: Mapping[str, Any], path: Path) -> dict[tuple[int, str], Tensor]:
    """Adapter tensors of a published file by (block, part), prefixes ``module.`` and ``sam.`` taken off.

    Raises:
        ValueError: a key that is no adapter's, or no adapter at all.
    """
    state = {}
    for key, value in model.items():
        name = _bare(key)
        if name.endswith(("total_ops", "total_params")):  # left behind by a FLOP counter
            continue
        match = ADAPTER_KEY.fullmatch(name)
        if match is None or not isinstance(value, Tensor):
            msg = (
                f"adapter {path}: unexpected key {key!r}; expected image_encoder.trunk.blocks.<i>.adapter.<...>, "
                f"or a checkpoint of this project"
            )
            raise ValueError(msg)
        state[int(match[1]), match[2]] = value
    if not state:
        msg = f"adapter {path}: holds no tensors"
        raise ValueError(msg)
    return state
