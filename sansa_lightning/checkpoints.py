"""Only what was trained: what a checkpoint holds, loading it onto a base, importing published adapter files."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from torch import Tensor

from sansa_lightning.checkpoint_header import HEADER, check_header, own_parts
from sansa_lightning.messages import brief, plain
from sansa_lightning.sam2.zoo import fingerprint, published_layout
from sansa_lightning.strategies.adaptformer import AdaptFormer
from sansa_lightning.strategies.base import Strategy, known_strategies, placed_blocks, trained_parameters
from sansa_lightning.strategies.trial import would_train
from sansa_lightning.tensor_files import read_tensors
from sansa_lightning.tensors import compare, summary

if TYPE_CHECKING:
    from sam2.modeling.sam2_base import SAM2Base

log = logging.getLogger(__name__)

ADAPTER_KEY = re.compile(
    r"image_encoder\.trunk\.blocks\.(0|[1-9][0-9]{0,3})\.adapter\."
    r"((?:adapter_layer_norm_before|down_proj|up_proj)\.(?:weight|bias))"
)
TENSORS_PER_BLOCK = 6


def trained_state(sam: SAM2Base) -> dict[str, Tensor]:
    """Everything that trains on a base, by its name there."""
    return {name: parameter.detach() for name, parameter in trained_parameters(sam).items()}


def load_trained(sam: SAM2Base, state: Mapping[str, Any], where: str) -> None:
    """Copy trained tensors into a base with its strategy attached, strictly.

    Raises:
        ValueError: a tensor is missing, has another shape or number format, holds NaN or infinity, or has no home;
            nothing was copied then.
    """
    own = trained_parameters(sam)
    check_fit(state, own, where)
    for name, parameter in own.items():
        parameter.data.copy_(state[name])


def check_fit(state: Mapping[str, Any], own: Mapping[str, Tensor], where: str) -> None:
    """Refuse tensors that cannot be copied into what trains.

    Raises:
        ValueError: as for :func:`load_trained`.
    """
    problems = compare(state, own)
    if extra := state.keys() - own.keys():
        problems.append(f"unexpected {summary(extra)}")
    if problems:
        msg = f"{where} does not fit what trains here: {'; '.join(problems)}"
        raise ValueError(msg)


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


def published_adapter(content: Mapping[str, Any], path: Path, subcommand: str) -> Path | None:
    """The file if it is a published adapter, to be read by :func:`attach_adapter`; None if it may be something else.

    Args:
        content: of the file.
        path: of the file.
        subcommand: that it was given to.

    Raises:
        ValueError: it is one, and the subcommand is fit.
    """
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
    found, state = own_parts(content, where)
    check_header(found, {"base": {"fingerprint": fingerprint(sam)}, "strategy": {}}, where)
    kind, settings = _strategy_class(found["strategy"]["class"], path), found["strategy"]["settings"]
    return _attached(lambda: kind.from_settings(settings), state, sam, where)


def _attached(build: Callable[[], Strategy], state: Mapping[str, Any], sam: SAM2Base, where: str) -> Strategy:
    """The strategy that ``build`` gives, attached and loaded; tried first, so that a refusal leaves the base alone."""
    try:
        expected = would_train(build(), sam)
        if expected is not None:
            check_fit(state, expected, where)
        strategy = build()
        strategy.attach(sam)
    except ValueError as error:
        msg = str(error) if str(error).startswith(where) else f"{where}: {plain(str(error), 400)}"
        raise ValueError(msg) from error
    except (AttributeError, KeyError, TypeError, OverflowError, RuntimeError) as error:
        reason = plain(f"{type(error).__name__} {error}", 400)
        msg = f"{where} is not a whole checkpoint of this project: its strategy's settings do not fit: {reason}"
        raise ValueError(msg) from error
    load_trained(sam, state, where)
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
    name = getattr(getattr(sam, "recipe", None), "name", "")
    if name.startswith("sam2.1"):
        log.warning("adapter %s: published adapters were trained on SAM 2.0, but the base is %s", path, name)
    named = {f"image_encoder.trunk.blocks.{block}.adapter.{part}": value for (block, part), value in state.items()}
    return _attached(lambda: AdaptFormer(placement=placement, hidden=hidden), named, sam, f"adapter {path}")


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
        if match is not None and (int(match[1]), match[2]) in state:
            msg = f"adapter {path}: {name} is there twice, with different prefixes; expected it once"
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
