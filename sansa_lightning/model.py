"""The model: a tracker, a strategy and a method. Torch only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from sansa_lightning.clips.batch import ClipBatch
from sansa_lightning.clips.prompt import Prompt
from sansa_lightning.methods.base import Answers, Masks, Method, ReferenceMemory
from sansa_lightning.strategies.base import Strategy, train_what_trains, trained_parameters
from sansa_lightning.trackers.base import Tracker
from sansa_lightning.trackers.weights import fingerprint
from sansa_lightning.trackers.zoo import Base


class FewShotModel(nn.Module):
    """Segments targets by references; the object that is trained, saved, loaded and used.

    Args:
        tracker: with its weights, without a strategy.
        strategy: attached to the tracker.
        method: attached to the tracker after the strategy.
        base_name: of the tracker, for the header of a checkpoint.

    Attributes:
        base: the tracker; its parameters are named ``base.<name>``.
        method: its parameters are named ``method.<name>``.
        fingerprint: of the tracker's weights before the strategy was attached.

    Raises:
        ValueError: the strategy or the method does not fit the tracker.
    """

    def __init__(self, tracker: Tracker, strategy: Strategy, method: Method, base_name: str = "") -> None:
        super().__init__()
        self.fingerprint = fingerprint(tracker)
        self.base_name = base_name
        strategy.attach(tracker, method.unused)
        method.attach(tracker)
        self.base = tracker
        self.strategy = strategy
        self.method = method

    @property
    def device(self) -> torch.device:
        """The device of its tensors."""
        return next(self.base.parameters()).device

    def forward(self, batch: ClipBatch, propagate_targets: bool) -> Masks:
        """Logits of every frame of every clip; see :meth:`Method.forward`."""
        masks: Masks = self.method(self.base, batch, propagate_targets)
        return masks

    def remember(self, images: Tensor, prompts: Sequence[Prompt]) -> ReferenceMemory:
        """Read the references of one class once; see :meth:`Method.remember`."""
        return self.method.remember(self.base, images, prompts)

    def segment(self, memories: Sequence[ReferenceMemory], images: Tensor) -> Answers:
        """Masks of targets for each of several classes; see :meth:`Method.segment`."""
        return self.method.segment(self.base, memories, images)

    def train(self, mode: bool = True) -> FewShotModel:
        """Train mode for trained modules; frozen ones stay in eval mode, where dropout does nothing."""
        super().train(False)
        self.training = mode
        self.strategy.train(self.base, mode)
        if mode:
            train_what_trains(self.method)
        self.method.training = mode  # even without parameters: it may segment differently in training
        return self

    def trained(self) -> dict[str, nn.Parameter]:
        """The trained parameters of strategy and method, by name."""
        return trained_parameters(self)

    def header(self) -> dict[str, Any]:
        """The header that gives a checkpoint's tensors their meaning: strategy, method, base and its fingerprint."""
        return header(self.strategy, self.method, self.base_name, self.fingerprint)


def header(strategy: Strategy, method: Method, base_name: str, base_fingerprint: str) -> dict[str, Any]:
    """The header that gives a checkpoint's tensors their meaning, in plain values only."""
    return {
        "strategy": {"class": type(strategy).__name__, "settings": strategy.settings()},
        "method": {"class": type(method).__name__, "settings": method.settings()},
        "base": {"name": base_name, "fingerprint": base_fingerprint},
    }


@dataclass
class ModelParts:
    """The parts of a model, before the weights are read.

    Attributes:
        base: the tracker and its weights.
        strategy: trains on the tracker.
        method: turns clips into masks.
    """

    base: Base
    strategy: Strategy
    method: Method

    def build(self) -> FewShotModel:
        """Read the weights and assemble the model, in eval mode, on the CPU.

        Raises:
            FileNotFoundError: the weights are missing.
            ValueError: something does not fit the base.
        """
        return FewShotModel(self.base.build(), self.strategy, self.method, self.base.name).eval()
