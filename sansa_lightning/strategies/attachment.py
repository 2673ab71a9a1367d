"""What attaching a strategy did to a base: enough to leave it out for a while."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from torch import Tensor, nn

from sansa_lightning.trackers.base import Tracker


class Attachment:
    """A base's own modules and tensors by name, noted before a strategy changes them.

    It does not refer to the base itself, so that it can be kept by it.

    Args:
        tracker: the base.
    """

    def __init__(self, tracker: Tracker) -> None:
        self.modules: dict[str, nn.Module] = {name: module for name, module in tracker.named_modules() if name}
        self.names = tuple(tracker.state_dict())
        self.injected: tuple[nn.Module, ...] = ()

    def done(self, tracker: Tracker) -> None:
        """Note what was put beside the base's modules or around them."""
        own = {id(module) for module in self.modules.values()}
        self.injected = tuple(m for name, m in tracker.named_modules() if name and id(m) not in own)

    def tensors(self, tracker: Tracker) -> dict[str, Tensor]:
        """The base's own parameters and buffers as they are now, by the names that they had."""
        found = {}
        for name in self.names:
            owner, _, attribute = name.rpartition(".")
            found[name] = getattr(self.modules[owner] if owner else tracker, attribute)
        return found


@contextmanager
def valued(tensor: Tensor, value: Tensor) -> Iterator[None]:
    """The tensor with other memory behind it: nothing is copied."""
    kept, tensor.data = tensor.data, value
    try:
        yield
    finally:
        tensor.data = kept
