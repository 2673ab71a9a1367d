"""The strategy and method in a file, checked against a tracker, and the model made from them."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from sansa_lightning.checkpoints.header import FIRST_METHOD, HEADER, check_header, own_parts
from sansa_lightning.checkpoints.portable import adapter_content
from sansa_lightning.checkpoints.published import published
from sansa_lightning.checkpoints.published_fs_sam2 import METHOD, fs_sam2, is_fs_sam2
from sansa_lightning.checkpoints.trained import check_fit, load_trained
from sansa_lightning.files.messages import counted, plain
from sansa_lightning.methods.base import Method
from sansa_lightning.methods.sansa import Sansa
from sansa_lightning.model import FewShotModel, ModelParts
from sansa_lightning.strategies.adaptformer import AdaptFormer
from sansa_lightning.strategies.base import Strategy
from sansa_lightning.strategies.lora import LoRA
from sansa_lightning.strategies.settings import known_classes
from sansa_lightning.strategies.trial import would_train
from sansa_lightning.trackers.base import Tracker
from sansa_lightning.trackers.weights import fingerprint

log = logging.getLogger(__name__)

BASE = "base."
SCORED: dict[type, tuple[str, ...]] = {
    AdaptFormer: ("placement", "scale", "layer_norm", "insertion"),
    LoRA: ("placement", "targets", "rank", "alpha", "use_dora", "use_rslora"),
}
"""Settings of published strategies that matter where nothing trains; of others all do."""

UNFIT = (AttributeError, KeyError, TypeError, OverflowError, RuntimeError)
"""Errors of constructors and attachments for a file's wrong settings."""


@dataclass(frozen=True)
class Adapter:
    """The strategy, method and trained tensors in a file, checked against a tracker.

    Attributes:
        where: the file, for messages.
        strategy: not attached to anything yet.
        method: ``class`` and ``settings``, from the header or of a published FS-SAM2; None for a published SANSA.
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
        """The file's own method."""
        if self.method is None or self.method["class"] == FIRST_METHOD:
            return Sansa.from_settings({} if self.method is None else self.method["settings"])
        import sansa_lightning.methods.all  # noqa: F401  makes the project's own ones known

        kind = _known(Method, self.method["class"], "method", self.where)
        return _from_settings(kind, self.method["settings"], self.where)


def read_adapter(path: Path, tracker: Tracker) -> Adapter:
    """Read a file that was trained on a tracker, and check that it fits; the tracker is not changed.

    Args:
        path: a checkpoint of this project, or a published one of SANSA or FS-SAM2.
        tracker: without a strategy.

    Raises:
        FileNotFoundError: no such file.
        ValueError: the file is none of these, or does not fit the tracker.
    """
    content = adapter_content(path)
    where = f"adapter {path}"
    if HEADER not in content:
        read, method = (fs_sam2, METHOD) if is_fs_sam2(content) else (published, None)
        build, state = read(path, content, tracker)
        return _checked(Adapter(where, build(), method, state), build(), tracker)
    found, state = own_parts(content, where)
    check_header(found, {"base": {"fingerprint": fingerprint(tracker)}}, where)
    import sansa_lightning.strategies.all  # noqa: F401  makes the project's own ones known

    kind = _known(Strategy, found["strategy"]["class"], "strategy", where)
    settings = found["strategy"]["settings"]
    strategy, twin = (_from_settings(kind, settings, where) for _ in range(2))
    return _checked(Adapter(where, strategy, found["method"], state), twin, tracker)


def attach_from(path: Path, tracker: Tracker) -> Strategy:
    """Attach a file's strategy, and load its tensors; see :func:`read_adapter`.

    Raises:
        ValueError: also if a method was trained beside the strategy; :func:`model_from` loads both.
    """
    adapter = read_adapter(path, tracker)
    if rest := adapter.state.keys() - {BASE + name for name in adapter.of_base()}:
        many = counted(len(rest), "tensor")
        msg = f"{adapter.where}: it also holds {many} of its method; expected the whole model to load them"
        raise ValueError(msg)
    adapter.strategy.attach(tracker, adapter.build_method().unused)
    load_trained(tracker, adapter.of_base(), adapter.where)
    return adapter.strategy


def model_from(adapter: Adapter, tracker: Tracker, method: Method, base_name: str = "") -> FewShotModel:
    """The model in a file.

    Args:
        adapter: see :func:`read_adapter`.
        tracker: the same one, without a strategy.
        method: to use; the file's own is ``adapter.build_method()``.
        base_name: of the tracker.

    Raises:
        ValueError: the tensors do not fit what strategy and method train.
    """
    model = FewShotModel(tracker, adapter.strategy, method, base_name)
    load_trained(model, adapter.state, adapter.where)
    return model.eval()


def scored_as_trained(path: Path, parts: ModelParts, tracker: Tracker) -> FewShotModel:
    """The model of a published file instead of the configured one; logs where their strategies differ.

    Args:
        path: of the file.
        parts: the configured ones.
        tracker: built from ``parts.base``, without a strategy.

    Raises:
        ValueError: the configured strategy or method is another than the file's, or the file does not fit the base.
    """
    adapter = read_adapter(path, tracker)
    kind, method = type(adapter.strategy), type(adapter.build_method())
    if not isinstance(parts.strategy, kind):
        msg = (
            f"adapter {path}: it holds {kind.__name__}'s tensors, but model.strategy is "
            f"{type(parts.strategy).__name__}; use the strategy that it was trained with"
        )
        raise ValueError(msg)
    if adapter.method is not None and parts.method.trained_as() is not method:
        msg = (
            f"adapter {path}: it was trained with {method.__name__}, but model.method is "
            f"{type(parts.method).__name__}; use the method that it was trained with"
        )
        raise ValueError(msg)
    said, brought = parts.strategy.settings(), adapter.strategy.settings()
    different = [name for name in SCORED.get(kind, said) if said[name] != brought.get(name)]
    if different:
        pairs = ", ".join(f"{name} {brought[name]} (model.strategy says {said[name]})" for name in different)
        log.warning("adapter %s is scored with its own settings: %s", path, pairs)
    return model_from(adapter, tracker, parts.method, parts.base.name)


def _checked(adapter: Adapter, twin: Strategy, tracker: Tracker) -> Adapter:
    """The adapter, after comparing its tensors with those that ``twin``, a copy of its strategy, would train."""
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
    """An imported class by its name: a file cannot make us import anything."""
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
