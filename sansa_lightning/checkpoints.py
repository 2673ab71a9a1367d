"""Only what was trained: what a checkpoint holds, loading it onto a base, importing published adapter files."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from sansa_lightning.checkpoint_header import FIRST_METHOD, HEADER, check_header, own_parts
from sansa_lightning.messages import brief, plain
from sansa_lightning.methods.base import Method
from sansa_lightning.model import FewShotModel, ModelParts
from sansa_lightning.strategies.adaptformer import AdaptFormer
from sansa_lightning.strategies.base import Strategy, placed_blocks, trained_parameters
from sansa_lightning.strategies.settings import known_classes
from sansa_lightning.strategies.trial import would_train
from sansa_lightning.tensor_files import read_tensors
from sansa_lightning.tensors import compare, summary
from sansa_lightning.trackers.base import Tracker
from sansa_lightning.trackers.weights import fingerprint, published_layout

log = logging.getLogger(__name__)

ADAPTER_KEY = re.compile(
    r"image_encoder\.trunk\.blocks\.(0|[1-9][0-9]{0,3})\.adapter\."
    r"((?:adapter_layer_norm_before|down_proj|up_proj)\.(?:weight|bias))"
)
TENSORS_PER_BLOCK = 6
BASE = "base."
UNFIT = (AttributeError, KeyError, TypeError, OverflowError, RuntimeError)
"""What a constructor or an attachment raises where a file's settings are of another kind."""


def trained_state(module: nn.Module) -> dict[str, Tensor]:
    """Everything that trains in a model or on a tracker, by its name there."""
    return {name: parameter.detach() for name, parameter in trained_parameters(module).items()}


def load_trained(module: nn.Module, state: Mapping[str, Any], where: str) -> None:
    """Copy trained tensors into a model, or into a tracker with its strategy attached, strictly.

    Raises:
        ValueError: a tensor is missing, has another shape or number format, holds NaN or infinity, or has no home;
            nothing was copied then.
    """
    own = trained_parameters(module)
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


def load_checkpoint(model: FewShotModel, content: Mapping[str, Any], where: str) -> None:
    """Load the trained tensors of a run's checkpoint into the model that it was trained as.

    Raises:
        ValueError: it is of another base, strategy or method, or its tensors do not fit.
    """
    found, state = own_parts(content, where)
    own = model.header()
    trained_as = {"class": model.method.trained_as().__name__}
    check_header(found, {"base": own["base"], "strategy": own["strategy"], "method": trained_as}, where)
    load_trained(model, state, where)


@dataclass(frozen=True)
class Adapter:
    """What a file was trained with, and what came of it; checked against a tracker.

    Attributes:
        where: which file it is, for messages.
        strategy: not attached to anything yet.
        method: as the header has it, ``class`` and ``settings``; None of a published file.
        state: trained tensors by their names in the model.
    """

    where: str
    strategy: Strategy
    method: Mapping[str, Any] | None
    state: Mapping[str, Tensor]

    def of_base(self) -> dict[str, Tensor]:
        """The tensors of the strategy by their names in the tracker."""
        return {name.removeprefix(BASE): value for name, value in self.state.items() if name.startswith(BASE)}

    def build_method(self) -> Method:
        """The method that the file was trained with."""
        if self.method is None or self.method["class"] == FIRST_METHOD:
            from sansa_lightning.methods.sansa import Sansa

            return Sansa.from_settings({} if self.method is None else self.method["settings"])
        import sansa_lightning.methods.all  # noqa: F401  makes the project's own ones known

        kind = _known(Method, self.method["class"], "method", self.where)
        return _from_settings(kind, self.method["settings"], self.where)


def read_adapter(path: Path, tracker: Tracker) -> Adapter:
    """Read a file that was trained on a tracker, and see that it fits; the tracker is left alone.

    Args:
        path: a checkpoint of this project, or a published SANSA adapter.
        tracker: without a strategy.

    Raises:
        FileNotFoundError: no such file.
        ValueError: the file is neither, or does not fit the tracker.
    """
    content = read_tensors(path)
    where = f"adapter {path}"
    if HEADER not in content:
        build, state = _published(path, content, tracker)
        return _checked(Adapter(where, build(), None, state), build(), tracker)
    found, state = own_parts(content, where)
    check_header(found, {"base": {"fingerprint": fingerprint(tracker)}}, where)
    import sansa_lightning.strategies.all  # noqa: F401  makes the project's own ones known

    kind = _known(Strategy, found["strategy"]["class"], "strategy", where)
    settings = found["strategy"]["settings"]
    strategy, twin = (_from_settings(kind, settings, where) for _ in range(2))
    return _checked(Adapter(where, strategy, found["method"], state), twin, tracker)


def attach_from(path: Path, tracker: Tracker) -> Strategy:
    """Attach the strategy that a file was trained with, and load its tensors; see :func:`read_adapter`.

    Raises:
        ValueError: also where a method was trained beside the strategy; :func:`model_from` loads both.
    """
    adapter = read_adapter(path, tracker)
    if rest := adapter.state.keys() - {BASE + name for name in adapter.of_base()}:
        msg = f"{adapter.where}: it holds {len(rest)} tensors of its method, too; expected the whole model to load them"
        raise ValueError(msg)
    adapter.strategy.attach(tracker, adapter.build_method().unused)
    load_trained(tracker, adapter.of_base(), adapter.where)
    return adapter.strategy


def model_from(adapter: Adapter, tracker: Tracker, method: Method, base_name: str = "") -> FewShotModel:
    """The model that a file holds.

    Args:
        adapter: see :func:`read_adapter`.
        tracker: the same one, without a strategy.
        method: how clips become masks; the file's own is ``adapter.build_method()``.
        base_name: of the tracker.

    Raises:
        ValueError: the tensors do not fit what strategy and method train.
    """
    model = FewShotModel(tracker, adapter.strategy, method, base_name)
    load_trained(model, adapter.state, adapter.where)
    return model.eval()


def published_adapter(content: Mapping[str, Any], path: Path, subcommand: str) -> Path | None:
    """The file if it is a published adapter, to be read by :func:`scored_as_trained`; None if it may be something else.

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


def scored_as_trained(path: Path, parts: ModelParts, tracker: Tracker) -> FewShotModel:
    """The model of a published file in the place of the configured one; says where their strategies differ.

    Args:
        path: of the file.
        parts: as configured.
        tracker: built from ``parts.base``, without a strategy.

    Raises:
        ValueError: the configured strategy is no AdaptFormer, or the file does not fit the base.
    """
    if not isinstance(parts.strategy, AdaptFormer):
        msg = (
            f"adapter {path}: it holds AdaptFormer's tensors, but model.strategy is {type(parts.strategy).__name__}; "
            f"use the strategy that it was trained with"
        )
        raise ValueError(msg)
    adapter = read_adapter(path, tracker)
    said, brought = parts.strategy.settings(), adapter.strategy.settings()
    different = [name for name in ("placement", "scale", "layer_norm", "insertion") if said[name] != brought[name]]
    if different:
        pairs = ", ".join(f"{name} {brought[name]} (model.strategy says {said[name]})" for name in different)
        log.warning("adapter %s is scored as it was trained: %s", path, pairs)
    return model_from(adapter, tracker, parts.method, parts.base.name)


def _checked(adapter: Adapter, twin: Strategy, tracker: Tracker) -> Adapter:
    """The adapter, after its tensors were compared with what its strategy, here a twin of it, would train."""
    try:
        expected = would_train(twin, tracker, adapter.build_method().unused)
    except ValueError as error:
        msg = str(error) if str(error).startswith(adapter.where) else f"{adapter.where}: {plain(str(error), 400)}"
        raise ValueError(msg) from error
    except UNFIT as error:
        raise _not_whole(adapter.where, error) from error
    if expected is not None:
        check_fit(adapter.of_base(), expected, adapter.where)
    return adapter


def _known(root: type, name: str, what: str, where: str) -> Any:
    """A class by its name, out of those that were imported: a file cannot make us import anything."""
    found = known_classes(root)
    if name not in found:
        msg = f"{where}: {what} {name!r} is not known; import its module first; known: {sorted(found)}"
        raise ValueError(msg)
    return found[name]


def _from_settings(kind: Any, settings: Mapping[str, Any], where: str) -> Any:
    try:
        return kind.from_settings(settings)
    except ValueError as error:
        msg = f"{where}: {plain(str(error), 400)}"
        raise ValueError(msg) from error
    except UNFIT as error:
        raise _not_whole(where, error) from error


def _not_whole(where: str, error: Exception) -> ValueError:
    reason = plain(f"{type(error).__name__} {error}", 400)
    return ValueError(f"{where} is not a whole checkpoint of this project: its settings do not fit: {reason}")


def _published(
    path: Path, content: Mapping[str, Any], tracker: Tracker
) -> tuple[Callable[[], Strategy], dict[str, Tensor]]:
    """What builds the strategy of a published file, and its tensors by their names in the model."""
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
    named = {f"{BASE}{blocks[block].name}.adapter.{part}": value for (block, part), value in state.items()}
    return lambda: AdaptFormer(placement=placement, hidden=hidden), named


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
