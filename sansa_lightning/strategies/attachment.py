"""A record of the changes that attaching a strategy made to a base, so that they can be undone for a while."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from torch import Tensor, nn

from sansa_lightning.trackers.base import Tracker


class Attachment:
    """A base's own modules and tensors by name, noted before a strategy changes them.

    It holds no reference to the base, which holds it.

    Args:
        tracker: the base.
    """

    def __init__(self, tracker: Tracker) -> None:
        self.modules: dict[str, nn.Module] = {name: module for name, module in tracker.named_modules() if name}
        self.names = tuple(tracker.state_dict())
        self.injected: tuple[nn.Module, ...] = ()

    def done(self, tracker: Tracker) -> None:
        """Note the modules that were added or wrapped around the base's own."""
        own = {id(module) for module in self.modules.values()}
        self.injected = tuple(m for name, m in tracker.named_modules() if name and id(m) not in own)

    def tensors(self, tracker: Tracker) -> dict[str, Tensor]:
        """The base's own parameters and buffers in their present state, by their original names."""
        found = {}
        for name in self.names:
            owner, _, attribute = name.rpartition(".")
            found[name] = getattr(self.modules[owner] if owner else tracker, attribute)
        return found


@contextmanager
def valued(tensor: Tensor, value: Tensor) -> Iterator[None]:
    """While the block runs, the tensor has the memory of ``value``; nothing is copied."""
    kept, tensor.data = tensor.data, value
    try:
        yield
    finally:
        tensor.data = kept
