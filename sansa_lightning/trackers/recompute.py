"""Recomputing activations in the backward pass: less memory, more time."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from torch import nn
from torch.utils.checkpoint import checkpoint


def recompute_from_first_trained(blocks: Iterable[nn.Module], further: Iterable[nn.Module]) -> None:
    """Recompute each block from the first trained one on, and each of the further modules.

    Below the first trained block there is nothing to recompute, since no graph is kept.
    """
    ordered = list(blocks)
    trained = [any(parameter.requires_grad for parameter in block.parameters()) for block in ordered]
    first = trained.index(True) if any(trained) else len(ordered)
    for module in (*ordered[first:], *further):
        module.forward = Recomputed(module.forward)


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
        return checkpoint(self.forward, *args, use_reentrant=False, **kwargs)
