"""What would train, counted without weights and without memory for them."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Callable
from functools import cache
from typing import Any

from torch.overrides import TorchFunctionMode

from sansa_lightning.sam2.types import SAM2Base
from sansa_lightning.sam2.zoo import Base, build_architecture
from sansa_lightning.strategies.base import Strategy


class WithoutInitialisation(TorchFunctionMode):
    """Skips the functions of ``torch.nn.init``: values don't matter when only shapes are asked for."""

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """Give the tensor back as it is."""
        if getattr(func, "__module__", None) == "torch.nn.init":
            return args[0] if args else (kwargs or {})["tensor"]
        return func(*args, **(kwargs or {}))


def attached(base: Base, strategy: Strategy) -> SAM2Base:
    """A base of the right shapes, with a strategy on it; its own tensors have no values.

    Raises:
        ValueError: the strategy does not fit the base.
    """
    sam = copy.deepcopy(_shapes(base.name))
    sam.recipe = base
    with WithoutInitialisation(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that copying values into a tensor without any does nothing
        strategy.attach(sam)
    return sam


@cache
def _shapes(name: str) -> SAM2Base:
    with WithoutInitialisation():
        return build_architecture(name).to("meta")
