"""What all strategies of the peft library share: full module names, injection, modes, merging."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from difflib import get_close_matches
from typing import Any

from torch import nn

from sansa_lightning.sam2.types import SAM2Base
from sansa_lightning.strategies.base import Strategy
from sansa_lightning.strategies.placement import Placement, blocks_of, check_placement

TARGETS: dict[str, tuple[str, ...]] = {
    "qkv": ("attn.qkv",),
    "proj": ("attn.proj",),
    "mlp": ("mlp.layers.0", "mlp.layers.1"),
    "skip": ("proj",),
}
"""Linear layers of an encoder block; "skip" is the projection around the first block of a stage, others have none."""


class PeftStrategy(Strategy):
    """Wraps linear layers of the image encoder with layers of the peft library.

    Args:
        placement: stages of the image encoder, a name of theirs, or blocks: see ``placement.Placement``.
        targets: which layers of each block, out of ``TARGETS``.
    """

    def __init__(self, placement: Placement, targets: Sequence[str]) -> None:
        owner = type(self).__name__
        self.placement = check_placement(placement, owner)
        if not isinstance(targets, Sequence) or not all(isinstance(target, str) for target in targets):
            msg = f"{owner}.targets: expected a list out of {list(TARGETS)}, but got {targets!r}"
            raise ValueError(msg)
        self.targets = tuple(targets)
        if not targets or len(set(targets)) != len(targets) or not set(targets) <= TARGETS.keys():
            near = [close for target in targets for close in get_close_matches(target, TARGETS, n=1)]
            msg = (
                f"{owner}.targets: expected different layers out of {list(TARGETS)}, but got {list(targets)}"
                f"{f'; nearest {near}' if near else ''}"
            )
            raise ValueError(msg)

    @abstractmethod
    def config(self, modules: list[str]) -> Any:
        """The peft configuration that wraps ``modules``, given by their full names."""

    def inject(self, sam: SAM2Base) -> None:
        """Wrap the layers.

        Raises:
            ValueError: a target that no placed block has, or that is wrapped already; or peft wrapped something else
                than it was asked to.
        """
        import peft

        modules = self.modules(sam)
        if not modules:
            return
        earlier = set(_wrapped(sam))
        if twice := [name for name in modules if name in earlier]:
            msg = f"{type(self).__name__}: {twice[0]} is wrapped already, by another strategy of this base"
            raise ValueError(msg)
        peft.inject_adapter_in_model(self.config(modules), sam)
        if (wrapped := set(_wrapped(sam)) - earlier) != set(modules):
            msg = f"{type(self).__name__}: asked peft to wrap {sorted(modules)}, but it wrapped {sorted(wrapped)}"
            raise ValueError(msg)

    def modules(self, sam: SAM2Base) -> list[str]:
        """Full names of the layers to wrap.

        Raises:
            ValueError: a target that no placed block has.
        """
        owner = type(self).__name__
        blocks = blocks_of(sam, self.placement, owner)
        found = {
            target: [_name(block, layer) for block in blocks for layer in layers if _has(sam, block, layer)]
            for target, layers in TARGETS.items()
        }
        if missing := [target for target in self.targets if blocks and not found[target]]:
            present = [target for target, names in found.items() if names]
            msg = f"{owner}.targets: none of the blocks {blocks} has {missing}; they have {present}"
            raise ValueError(msg)
        return [name for target in self.targets for name in found[target]]

    def train(self, sam: SAM2Base, mode: bool) -> None:
        """As for every strategy; dropout inside a wrapped layer is active while it trains."""
        super().train(sam, mode)
        for layer in _wrapped(sam).values():
            layer.train(mode)
            layer.get_base_layer().eval()

    def merge(self, sam: SAM2Base) -> None:
        """Fold what was learnt into the base's own weights: same logits, the base's own names, and none of it trains.

        What another strategy of the base has wrapped stays as it is.

        Raises:
            ValueError: there is nothing of this strategy to merge; it may have been merged already.
        """
        wrapped = _wrapped(sam)
        own = [name for name in self.modules(sam) if name in wrapped]
        if not own:
            msg = f"{type(self).__name__}: nothing of it is there to merge; expected a base that it is attached to"
            raise ValueError(msg)
        for name in own:
            layer = wrapped[name]
            layer.merge()
            layer.requires_grad_(False)
            parent, _, child = name.rpartition(".")
            setattr(sam.get_submodule(parent), child, layer.get_base_layer())
        if len(own) == len(wrapped):
            del sam.peft_config


def _wrapped(sam: nn.Module) -> dict[str, Any]:
    from peft.tuners.tuners_utils import BaseTunerLayer

    return {name: module for name, module in sam.named_modules() if isinstance(module, BaseTunerLayer)}


def _has(sam: nn.Module, block: int, layer: str) -> bool:
    try:
        sam.get_submodule(_name(block, layer))
    except AttributeError:
        return False
    return True


def _name(block: int, layer: str) -> str:
    return f"image_encoder.trunk.blocks.{block}.{layer}"
