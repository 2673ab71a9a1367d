"""The base of all strategies of the peft library: full module names, injection, modes, merging."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from itertools import chain
from typing import Any

from torch import nn

from sansa_lightning.strategies.base import Strategy
from sansa_lightning.strategies.placement import Placement, check_placement
from sansa_lightning.strategies.targets import Targets, check_targets, target_layers
from sansa_lightning.trackers.base import Tracker


class PeftStrategy(Strategy):
    """Wraps layers of a tracker with layers of the peft library.

    Args:
        placement: stages of the image encoder, a name for them, or blocks; see ``placement.Placement``.
        targets: the layers; see ``targets.Targets``.
    """

    def __init__(self, placement: Placement, targets: Targets) -> None:
        owner = type(self).__name__
        self.placement = check_placement(placement, owner)
        self.targets = check_targets(targets, owner)

    @abstractmethod
    def config(self, modules: Mapping[str, Sequence[str]]) -> Any:
        """The peft configuration that wraps modules, given by their full names for each part."""

    def inject(self, tracker: Tracker) -> None:
        """Wrap the layers.

        Raises:
            ValueError: no placed block has a target, or it is wrapped already; or peft wrapped something other than it
                was asked to.
        """
        import peft

        by_part = target_layers(tracker, self.placement, self.targets, type(self).__name__)
        modules = list(chain.from_iterable(by_part.values()))
        if not modules:
            return
        earlier = set(_wrapped(tracker))
        if twice := [name for name in modules if name in earlier]:
            msg = f"{type(self).__name__}: {twice[0]} is wrapped already, by another strategy of this base"
            raise ValueError(msg)
        peft.inject_adapter_in_model(self.config(by_part), tracker)
        if (wrapped := set(_wrapped(tracker)) - earlier) != set(modules):
            msg = f"{type(self).__name__}: asked peft to wrap {sorted(modules)}, but it wrapped {sorted(wrapped)}"
            raise ValueError(msg)

    def modules(self, tracker: Tracker) -> list[str]:
        """Full names of the layers to wrap.

        Raises:
            ValueError: a target does not exist.
        """
        by_part = target_layers(tracker, self.placement, self.targets, type(self).__name__)
        return list(chain.from_iterable(by_part.values()))

    def train(self, tracker: Tracker, mode: bool) -> None:
        """See :meth:`Strategy.train`; dropout inside a wrapped layer is active while it trains."""
        super().train(tracker, mode)
        for layer in _wrapped(tracker).values():
            layer.train(mode)
            layer.get_base_layer().eval()

    def merge(self, tracker: Tracker) -> None:
        """Fold the learnt updates into the base's own weights: same logits, original names, and nothing of it trains.

        Layers wrapped by another strategy of the base stay wrapped.

        Raises:
            ValueError: this strategy has nothing to merge; it may have been merged already.
        """
        wrapped = _wrapped(tracker)
        own = [name for name in self.modules(tracker) if name in wrapped]
        if not own:
            msg = f"{type(self).__name__}: there is nothing to merge; expected a base to which it is attached"
            raise ValueError(msg)
        for name in own:
            layer = wrapped[name]
            layer.merge()
            layer.requires_grad_(False)
            parent, _, child = name.rpartition(".")
            setattr(tracker.get_submodule(parent), child, layer.get_base_layer())
        if len(own) == len(wrapped):
            del tracker.peft_config


def _wrapped(tracker: nn.Module) -> dict[str, Any]:
    from peft.tuners.tuners_utils import BaseTunerLayer

    return {name: module for name, module in tracker.named_modules() if isinstance(module, BaseTunerLayer)}
