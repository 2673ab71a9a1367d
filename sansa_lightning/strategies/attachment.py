"""What attaching a strategy did to a base: enough to leave it out for a while."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any

from torch import Tensor, nn

from sansa_lightning.sam2.types import SAM2Base

HOOKS = ("_forward_pre_hooks", "_forward_hooks")


class Attachment:
    """A base's own modules, hooks and tensors, noted before a strategy changes them.

    It does not refer to the base itself, so that it can be kept by it.

    Args:
        sam: the base.
    """

    def __init__(self, sam: SAM2Base) -> None:
        self.modules: dict[str, nn.Module] = {name: module for name, module in sam.named_modules() if name}
        self.hooks = {name: _hooks(module) for name, module in [("", sam), *self.modules.items()]}
        self.names = tuple(sam.state_dict())
        self.injected: dict[str, nn.Module] = {}

    def done(self, sam: SAM2Base) -> None:
        """Note what stands in the place of the base's modules now."""
        now = dict(sam.named_modules())
        self.injected = {name: now[name] for name, own in self.modules.items() if now.get(name) is not own}

    def tensors(self, sam: SAM2Base) -> dict[str, Tensor]:
        """The base's own parameters and buffers as they are now, by the names that they had."""
        found = {}
        for name in self.names:
            owner, _, attribute = name.rpartition(".")
            found[name] = getattr(self.modules[owner] if owner else sam, attribute)
        return found

    @contextmanager
    def left_out(self, sam: SAM2Base, originals: Mapping[str, Tensor]) -> Iterator[None]:
        """The base with its own modules and hooks, and with ``originals`` as its tensors of those names.

        Raises:
            ValueError: what was injected is not there any more.
        """
        now = dict(sam.named_modules())
        if any(now.get(name) is not injected for name, injected in self.injected.items()):
            msg = "Without: what this base learnt was merged into its weights; build the base anew to have it without"
            raise ValueError(msg)
        own = self.tensors(sam)
        with ExitStack() as stack:
            for name in self.injected:
                stack.enter_context(_in_place(sam, name, self.modules[name]))
            for name, hooks in self.hooks.items():
                stack.enter_context(_hooked(self.modules.get(name, sam), hooks))
            for name, original in originals.items():
                stack.enter_context(_valued(own[name], original))
            yield


def _hooks(module: nn.Module) -> tuple[dict[int, Any], ...]:
    return tuple(dict(getattr(module, kind)) for kind in HOOKS)


@contextmanager
def _in_place(sam: nn.Module, name: str, own: nn.Module) -> Iterator[None]:
    parent, _, child = name.rpartition(".")
    owner = sam.get_submodule(parent)
    injected = getattr(owner, child)
    setattr(owner, child, own)
    try:
        yield
    finally:
        setattr(owner, child, injected)


@contextmanager
def _hooked(module: nn.Module, own: tuple[dict[int, Any], ...]) -> Iterator[None]:
    """Only the hooks that were there before; the dictionaries stay the same ones, since handles refer to them."""
    kept = _hooks(module)
    _set_hooks(module, own)
    try:
        yield
    finally:
        _set_hooks(module, kept)


def _set_hooks(module: nn.Module, hooks: tuple[dict[int, Any], ...]) -> None:
    for kind, wanted in zip(HOOKS, hooks, strict=True):
        there = getattr(module, kind)
        there.clear()
        there.update(wanted)


@contextmanager
def _valued(tensor: Tensor, value: Tensor) -> Iterator[None]:
    """The tensor with other memory behind it: nothing is copied."""
    kept, tensor.data = tensor.data, value
    try:
        yield
    finally:
        tensor.data = kept
