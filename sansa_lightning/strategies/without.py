"""A base without its strategy, equal to the original base bit by bit, while a block runs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager

import torch
from torch import Tensor, nn

from sansa_lightning.files.messages import counted
from sansa_lightning.strategies.attachment import valued
from sansa_lightning.strategies.base import Strategy
from sansa_lightning.strategies.switch import is_switch, off
from sansa_lightning.trackers.base import Tracker
from sansa_lightning.trackers.zoo import base_of


class Without(AbstractContextManager[None]):
    """``with Without(tracker): ...`` computes the results of the base without its strategy, also after training.

    Injected modules are switched off, and nothing is copied. If tensors of the base itself train (fine-tuning, from
    scratch), those and other changed ones are taken from a newly built base and kept with this object: at most a second
    base. It can be entered repeatedly, and training may continue in between. Use it in eval mode; it has no effect on
    torch modules compiled as a whole.

    Args:
        tracker: a base with a strategy.
        parts: the parts of the base whose own tensors are to be the original ones, see ``trackers.base.PARTS``; all if
            none is named. Injected modules are switched off in all of them.

    Raises:
        ValueError: the base has no strategy, or one that cannot be switched off; on entering, also if a strategy was
            merged into the weights.
    """

    def __init__(self, tracker: Tracker, parts: Sequence[str] = ()) -> None:
        self.tracker = tracker
        self.parts = tuple(parts)
        self.attachment = Strategy.attachment_of(tracker)
        self.switches = self._switches()
        self.originals = self._originals()
        self._entered = ExitStack()

    def __enter__(self) -> None:
        there = {id(module) for module in self.tracker.modules()}
        if any(id(switch) not in there for switch in self.switches):
            msg = "Without: the strategy was merged into the base's weights; build the base again to have it without"
            raise ValueError(msg)
        own = self.attachment.tensors(self.tracker)
        with ExitStack() as stack:
            for switch in self.switches:
                stack.enter_context(off(switch))
            for name, original in self.originals.items():
                stack.enter_context(valued(own[name], original))
            stack.enter_context(_said(self.tracker, f"without {self.parts}"))
            self._entered = stack.pop_all()

    def __exit__(self, *error: object) -> None:
        self._entered.close()

    def _switches(self) -> list[nn.Module]:
        """The modules that the strategy added; all those with tensors must be switches."""
        switches = [module for module in self.attachment.injected if is_switch(module)]
        known = {id(parameter) for switch in switches for parameter in switch.parameters()}
        known |= {id(tensor) for tensor in self.attachment.tensors(self.tracker).values()}
        if loose := [name for name, parameter in self.tracker.named_parameters() if id(parameter) not in known]:
            msg = (
                f"Without: {counted(len(loose), 'tensor')} added by a strategy cannot be switched off, first "
                f"{loose[0]}; expected modules derived from strategies.switch.Switch"
            )
            raise ValueError(msg)
        return switches

    def is_elsewhere(self) -> bool:
        """Whether the base has moved to another device or number format since; then this has to be made anew."""
        own = self.attachment.tensors(self.tracker) if self.originals else {}
        return any((value.device, value.dtype) != (own[n].device, own[n].dtype) for n, value in self.originals.items())

    def _originals(self) -> dict[str, Tensor]:
        """The original values of the base's own tensors that train or have changed; empty unless some of them train."""
        own = self._own()
        if not any(tensor.requires_grad for tensor in own.values()):
            return {}
        base = base_of(self.tracker)
        fresh = (base.random() if base.weights is None else base.build()).state_dict()
        moved = {name: fresh[name].to(tensor) for name, tensor in own.items()}
        return {name: new for name, new in moved.items() if own[name].requires_grad or not torch.equal(new, own[name])}

    def _own(self) -> dict[str, Tensor]:
        """The base's own tensors, of the wanted parts."""
        own = self.attachment.tensors(self.tracker)
        owners = tuple(f"{name}." for part in self.parts for name in self.tracker.parts()[part])
        return {name: tensor for name, tensor in own.items() if not self.parts or f"{name}.".startswith(owners)}


@contextmanager
def _said(tracker: Tracker, left_out: str) -> Iterator[None]:
    """While the block runs, the tracker says that something is left out, so that results are not taken for others."""
    before, tracker.left_out = tracker.left_out, left_out
    try:
        yield
    finally:
        tracker.left_out = before
