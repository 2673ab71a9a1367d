"""The contract of a strategy, and placements."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Self

from torch import nn

from sansa_lightning.strategies.attachment import Attachment
from sansa_lightning.strategies.checks import is_whole
from sansa_lightning.strategies.parts import PromptKinds
from sansa_lightning.strategies.settings import known_classes, plain_settings
from sansa_lightning.trackers.base import Tracker

STAGES = (0, 1, 2, 3)
"""Stages of the image encoder, from fine to coarse."""

NOTHING = r"(?!)"
"""A pattern that matches no name."""

Unused = Callable[[PromptKinds | None], str]
"""From the prompts of the training clips' references to a pattern of the names of parameters that get no gradient from
such clips: a method's ``unused``."""


def all_used(_prompts: PromptKinds | None) -> str:
    """Stands in for a method's ``unused`` if there is no method."""
    return NOTHING


_ATTACHED = "attached_strategy"
"""Attribute of a base with a strategy: the strategy and its :class:`Attachment`. Copies of the base have it too."""


class Strategy(ABC):
    """The choice of what trains on a base, and where.

    A subclass consists of a constructor with its settings and :meth:`inject`. After :meth:`attach`, ``requires_grad``
    alone decides what trains, what is saved and what is counted.
    """

    def attach(self, tracker: Tracker, unused: Unused = all_used) -> None:
        """Freeze everything, then inject or unfreeze; all modules are in eval mode afterwards.

        Args:
            tracker: the base.
            unused: names the parameters that get no gradient in the method's training; they stay frozen.

        Raises:
            ValueError: the base has a strategy already, or the placement does not exist on it.
        """
        if there := getattr(tracker, _ATTACHED, None):
            msg = f"{type(self).__name__}: this base already has {type(there[0]).__name__} attached"
            raise ValueError(msg)
        tracker.requires_grad_(False)
        attachment = Attachment(tracker)
        self.put_on(tracker, unused)
        tracker.eval()
        attachment.done(tracker)
        setattr(tracker, _ATTACHED, (self, attachment))

    @staticmethod
    def is_attached(tracker: Tracker) -> bool:
        """Whether a strategy has been attached to a base."""
        return getattr(tracker, _ATTACHED, None) is not None

    @staticmethod
    def attachment_of(tracker: Tracker) -> Attachment:
        """The record of attaching a base's strategy.

        Raises:
            ValueError: it has no strategy.
        """
        there: tuple[Strategy, Attachment] | None = getattr(tracker, _ATTACHED, None)
        if there is None:
            msg = "expected a base with a strategy attached to it, but it has none"
            raise ValueError(msg)
        return there[1]

    @staticmethod
    def changed(tracker: Tracker) -> list[str]:
        """Names of a base's parameters that train, and of the modules that its strategy added or wrapped."""
        added = {id(module) for module in Strategy.attachment_of(tracker).injected}
        return [*trained_parameters(tracker), *(name for name, each in tracker.named_modules() if id(each) in added)]

    @abstractmethod
    def inject(self, tracker: Tracker) -> None:
        """Add trained modules to a frozen base, or unfreeze some of its own."""

    def put_on(self, tracker: Tracker, unused: Unused) -> None:
        """Inject, then freeze again the parameters without a gradient; arguments as for :meth:`attach`."""
        self.inject(tracker)
        pattern = re.compile(unused(self.training_prompts()))
        for name, parameter in trained_parameters(tracker).items():
            if pattern.fullmatch(name):
                parameter.requires_grad_(False)

    def training_prompts(self) -> PromptKinds | None:
        """The kinds of prompts of the training clips' references, if the strategy has been told."""
        return None

    def check_training_prompts(self, kinds: frozenset[str]) -> None:  # noqa: B027  most train the same with every kind
        """Refuse training clips that would not use the trained parameters, before anything is built.

        Args:
            kinds: the prompts of their references: "mask", "points" or both.

        Raises:
            ValueError: says what would be right.
        """

    def settings(self) -> dict[str, Any]:
        """The constructor's arguments, as plain values; a strategy keeps each under its own name."""
        return plain_settings(self)

    @classmethod
    def from_settings(cls, settings: Mapping[str, Any]) -> Self:
        """The strategy that gave these :meth:`settings`."""
        return cls(**settings)

    def train(self, tracker: Tracker, mode: bool) -> None:
        """Switch the trained modules between train and eval mode; frozen ones are always in eval mode.

        Frozen is not eval by itself: dropout in memory attention would be active (docs/sansa.md 3).
        """
        tracker.eval()
        if mode:
            train_what_trains(tracker)


def known_strategies() -> dict[str, type[Strategy]]:
    """Every imported strategy class, by its name; see :func:`known_classes`."""
    return known_classes(Strategy)


def train_what_trains(module: nn.Module) -> None:
    """Put every module whose parameters all train into train mode, and no others."""
    trained = [parameter.requires_grad for parameter in module.parameters()]
    if trained and all(trained):
        module.train()
    elif any(trained):
        for child in module.children():
            train_what_trains(child)


def check_stages(placement: Sequence[int], owner: str) -> tuple[int, ...]:
    """The placement as a sorted tuple.

    Raises:
        ValueError: not a list, empty, with repetitions, or with a stage that no encoder has.
    """
    stages = list(placement) if isinstance(placement, Iterable) else []
    known = bool(stages) and all(is_whole(stage) and stage in STAGES for stage in stages)
    if not known or len(set(stages)) != len(stages):
        got = stages if isinstance(placement, Iterable) else repr(placement)
        msg = f"{owner}.placement: expected different stages out of {list(STAGES)}, but got {got}"
        raise ValueError(msg)
    return tuple(sorted(map(int, stages)))


def placed_blocks(tracker: Tracker, placement: Sequence[int]) -> list[int]:
    """Numbers of the encoder blocks in the stages of ``placement``, ascending."""
    return [block.number for block in tracker.blocks() if block.stage in placement]


def trained_parameters(module: nn.Module) -> dict[str, nn.Parameter]:
    """The trained parameters by name."""
    return {name: parameter for name, parameter in module.named_parameters() if parameter.requires_grad}
