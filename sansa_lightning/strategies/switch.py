"""Injected modules with a switch: while they are off, the base computes its original results."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from torch import nn


class Switch(nn.Module):
    """A module that acts through hooks on the base's own modules; its hooks do nothing while it is not ``enabled``.

    Strategies derive injected modules from this class, so that these can be left out for a while; see
    :class:`~sansa_lightning.strategies.without.Without`.

    Attributes:
        enabled: whether it acts.
        hooked: the modules on which it acts.
    """

    def __init__(self) -> None:
        super().__init__()
        self.enabled = True
        self.hooked: list[nn.Module] = []

    def on_input(self, module: nn.Module, hook: Callable[..., Any]) -> None:
        """Call a method of this switch before a module runs; see ``register_forward_pre_hook``."""
        module.register_forward_pre_hook(hook)
        self.hooked.append(module)

    def on_output(self, module: nn.Module, hook: Callable[..., Any]) -> None:
        """Call a method of this switch after a module ran; see ``register_forward_hook``."""
        module.register_forward_hook(hook)
        self.hooked.append(module)


def is_switch(module: nn.Module) -> bool:
    """Whether it can be switched off: a :class:`Switch`, or a layer wrapped by a tuner of the peft library."""
    return isinstance(module, Switch) or hasattr(module, "enable_adapters")


@contextmanager
def off(module: nn.Module) -> Iterator[None]:
    """Switch a module off while the block runs."""
    if isinstance(module, Switch):
        before, module.enabled = module.enabled, False
        try:
            yield
        finally:
            module.enabled = before
        return
    layer: Any = module
    if layer.disable_adapters:  # off already, and someone else switches it on again
        yield
        return
    trained = {parameter: parameter.requires_grad for parameter in layer.parameters()}
    layer.enable_adapters(False)
    try:
        yield
    finally:
        layer.enable_adapters(True)
        for parameter, trains in trained.items():  # peft changes it
            parameter.requires_grad_(trains)
