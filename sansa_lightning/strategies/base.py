"""The contract of a strategy, and placements."""

from __future__ import annotations

import inspect
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Self

from torch import nn

from sansa_lightning.sam2.encoder import blocks_of_stage
from sansa_lightning.sam2.types import SAM2Base
from sansa_lightning.strategies.attachment import Attachment
from sansa_lightning.strategies.checks import is_whole

STAGES = (0, 1, 2, 3)
"""Stages of the image encoder, from fine to coarse."""

_ATTACHED = "attached_strategy"
"""Attribute of a base that has a strategy: the strategy and what attaching it did. Copies of the base have it too."""


class Strategy(ABC):
    """What trains on a base, and where.

    A subclass is a constructor with its settings and :meth:`inject`. After :meth:`attach`, ``requires_grad`` is the
    single truth of what trains, what is saved and what is counted.
    """

    def attach(self, sam: SAM2Base) -> None:
        """Freeze everything, then inject or unfreeze; all of it is in eval afterwards.

        Raises:
            ValueError: the base has a strategy already, or the placement does not exist on it.
        """
        if there := getattr(sam, _ATTACHED, None):
            msg = f"{type(self).__name__}: this base already has {type(there[0]).__name__} attached"
            raise ValueError(msg)
        sam.requires_grad_(False)
        attachment = Attachment(sam)
        self.inject(sam)
        sam.eval()
        attachment.done(sam)
        setattr(sam, _ATTACHED, (self, attachment))

    @staticmethod
    def attachment_of(sam: SAM2Base) -> Attachment:
        """What attaching its strategy did to a base.

        Raises:
            ValueError: it has none.
        """
        there: tuple[Strategy, Attachment] | None = getattr(sam, _ATTACHED, None)
        if there is None:
            msg = "expected a base with a strategy attached to it, but it has none"
            raise ValueError(msg)
        return there[1]

    @abstractmethod
    def inject(self, sam: SAM2Base) -> None:
        """Add trained modules to a frozen base, or unfreeze some of its own."""

    def check_training_prompts(self, kinds: frozenset[str]) -> None:  # noqa: B027  most train the same with each
        """Refuse training clips that would not use what trains, before anything is built.

        Args:
            kinds: what annotates their references: "mask", "points" or both.

        Raises:
            ValueError: says what would be right.
        """

    def settings(self) -> dict[str, Any]:
        """The constructor's arguments, as plain values: a strategy keeps each under its own name."""
        return {name: _plain(getattr(self, name)) for name in inspect.signature(type(self)).parameters}

    @classmethod
    def from_settings(cls, settings: Mapping[str, Any]) -> Self:
        """The strategy that gave these :meth:`settings`."""
        return cls(**settings)

    def train(self, sam: SAM2Base, mode: bool) -> None:
        """Switch what trains between train and eval; what is frozen is always in eval.

        Frozen is not eval by itself: dropout in memory attention would be active (spec 3).
        """
        sam.eval()
        if mode:
            _train_what_trains(sam)


def known_strategies() -> dict[str, type[Strategy]]:
    """Every strategy class that was imported, by its name: naming one in a file cannot make us import anything."""
    unseen, found = [Strategy], {}
    while unseen:
        children = unseen.pop().__subclasses__()
        unseen += children
        found.update({child.__name__: child for child in children if not inspect.isabstract(child)})
    return found


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def _train_what_trains(module: nn.Module) -> None:
    """Put into train mode each module all of whose parameters train, and nothing else."""
    trained = [parameter.requires_grad for parameter in module.parameters()]
    if trained and all(trained):
        module.train()
    elif any(trained):
        for child in module.children():
            _train_what_trains(child)


def check_stages(placement: Sequence[int], owner: str) -> tuple[int, ...]:
    """The placement as a sorted tuple.

    Raises:
        ValueError: no list, empty, repeated, or a stage that no encoder has.
    """
    stages = list(placement) if isinstance(placement, Iterable) else []
    known = bool(stages) and all(is_whole(stage) and stage in STAGES for stage in stages)
    if not known or len(set(stages)) != len(stages):
        got = stages if isinstance(placement, Iterable) else repr(placement)
        msg = f"{owner}.placement: expected different stages out of {list(STAGES)}, but got {got}"
        raise ValueError(msg)
    return tuple(sorted(map(int, stages)))


def placed_blocks(sam: SAM2Base, placement: Sequence[int]) -> list[int]:
    """Numbers of the encoder blocks in the stages of ``placement``, ascending."""
    stages = blocks_of_stage(sam)
    return [block for stage in placement for block in stages[stage]]


def trained_parameters(module: nn.Module) -> dict[str, nn.Parameter]:
    """Name and parameter of everything that trains."""
    return {name: parameter for name, parameter in module.named_parameters() if parameter.requires_grad}
