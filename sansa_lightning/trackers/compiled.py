"""Parts of a tracker compiled by torch, in place: parameters, their names and hooks stay what they are."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sized
from copy import deepcopy
from dataclasses import dataclass
from typing import Any, Literal, get_args

import torch
from torch import nn

Region = Literal["encoder", "memory_attention", "mask_decoder"]

VARIANTS = 32
"""Most versions of a region. There is one for training and one for evaluation, for one clip and for several, for each
kind of mask; torch's own limit is 8, after which it says so and no longer compiles."""


@dataclass(frozen=True)
class Compile:
    """The parts of a tracker that torch compiles at their first use, which takes minutes with inductor.

    Attributes:
        regions: which parts.
        backend: of ``torch.compile``: "inductor" makes them faster, "eager" shows that they can be compiled.
        mode: of inductor, such as "max-autotune-no-cudagraphs"; None for its default.
    """

    regions: tuple[Region, ...] = ("encoder", "memory_attention", "mask_decoder")
    backend: str = "inductor"
    mode: str | None = None

    def __post_init__(self) -> None:
        """Check names.

        Raises:
            ValueError: there is no such region or backend.
        """
        if odd := [region for region in self.regions if region not in get_args(Region)]:
            msg = f"compile.regions: expected some of {', '.join(get_args(Region))}, but got {odd[0]!r}"
            raise ValueError(msg)
        known = torch.compiler.list_backends(exclude_tags=())
        if self.backend not in known:
            msg = f"compile.backend: expected one of {', '.join(sorted(known))}, but got {self.backend!r}"
            raise ValueError(msg)


class Compiled:
    """A module's forward pass, compiled; as it was while something listens inside, whom compiled code would not call.

    It is an object, not a closure: a copy of a tracker has to run the modules of the copy.

    Args:
        forward: the bound method.
        settings: how.
        listeners: not empty while something listens.
    """

    def __init__(self, forward: Callable[..., Any], settings: Compile, listeners: Sized) -> None:
        self.forward = forward
        self.settings = settings
        self.listeners = listeners
        self.fast = torch.compile(forward, backend=settings.backend, mode=settings.mode)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """The module's result."""
        return self.forward(*args, **kwargs) if self.listeners else self.fast(*args, **kwargs)

    def __deepcopy__(self, memo: dict[int, Any]) -> Compiled:
        """Of the copied module, to be compiled anew."""
        return Compiled(deepcopy(self.forward, memo), self.settings, deepcopy(self.listeners, memo))

    def __reduce__(self) -> tuple[type[Compiled], tuple[Any, ...]]:
        return Compiled, (self.forward, self.settings, self.listeners)


def compile_modules(modules: Iterable[nn.Module], settings: Compile, listeners: Sized) -> None:
    """Compile modules in place; see :class:`Compiled`."""
    torch._dynamo.config.recompile_limit = max(VARIANTS, torch._dynamo.config.recompile_limit)
    for module in modules:
        module.forward = Compiled(module.forward, settings, listeners)
