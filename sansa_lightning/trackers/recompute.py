"""Recomputing activations in the backward pass: less memory, more time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from torch import nn
from torch.utils.checkpoint import checkpoint

Context = Callable[[], AbstractContextManager[Any]]

_AGAIN: ContextVar[Context | None] = ContextVar("again", default=None)
"""What the modules that run now are to enter again when they are recomputed."""


def recompute_from_first_trained(blocks: Iterable[nn.Module], further: Iterable[nn.Module]) -> None:
    """Recompute each block from the first trained one on, and each of the further modules.

    Below the first trained block there is nothing to recompute, since no graph is kept.
    """
    ordered = list(blocks)
    trained = [any(parameter.requires_grad for parameter in block.parameters()) for block in ordered]
    first = trained.index(True) if any(trained) else len(ordered)
    for module in (*ordered[first:], *further):
        module.forward = Recomputed(module.forward)


@contextmanager
def while_recomputing(context: Context) -> Iterator[None]:
    """Enter a context now, and again whenever a module is recomputed that runs inside this block."""
    token = _AGAIN.set(context)
    try:
        with context():
            yield
    finally:
        _AGAIN.reset(token)


@dataclass(frozen=True, slots=True)
class Recomputed:
    """A module's forward pass, recomputed in the backward pass.

    It is an object, not a closure: a deep copy of a tracker has to run the modules of the copy, and copying follows
    attributes.

    Attributes:
        forward: the bound method.
    """

    forward: Callable[..., Any]

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """The module's result."""
        again = _AGAIN.get()
        more: dict[str, Any] = {} if again is None else {"context_fn": lambda: (nullcontext(), again())}
        return checkpoint(self.forward, *args, use_reentrant=False, **more, **kwargs)
