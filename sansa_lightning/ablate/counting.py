"""Counting the trained parameters without weights, and without memory for them."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from typing import Any

from torch.overrides import TorchFunctionMode

from sansa_lightning.model import ModelParts
from sansa_lightning.trackers.base import Tracker
from sansa_lightning.trackers.zoo import Base


class WithoutInitialisation(TorchFunctionMode):
    """Skips the functions of ``torch.nn.init``: values don't matter if only shapes are used."""

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """Return the tensor unchanged."""
        if getattr(func, "__module__", None) == "torch.nn.init":
            return args[0] if args else (kwargs or {})["tensor"]
        return func(*args, **(kwargs or {}))


def attached(base: Base, parts: ModelParts) -> Tracker:
    """A base of the right shapes with a strategy; its own tensors have no values.

    Raises:
        ValueError: the strategy does not fit the base.
    """
    tracker = copy.deepcopy(_shapes(replace(base, weights=None)))
    tracker.built_from = base
    with WithoutInitialisation(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # copying into a tensor without values does nothing
        parts.strategy.attach(tracker, parts.method.unused)
    return tracker


@cache
def _shapes(base: Base) -> Tracker:
    with WithoutInitialisation():
        return base.random().to("meta")
