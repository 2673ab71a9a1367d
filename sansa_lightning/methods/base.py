"""The contract of a method."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Self

import torch.nn.functional as F
from torch import Tensor, nn

from sansa_lightning.clips.batch import ClipBatch
from sansa_lightning.clips.prompt import Prompt
from sansa_lightning.strategies.base import NOTHING
from sansa_lightning.strategies.parts import PromptKinds
from sansa_lightning.strategies.settings import plain_settings
from sansa_lightning.trackers.base import Tracker

ReferenceMemory = Any
"""A method's memory of the references of one class, with which it segments any number of targets; of any type."""


class Masks(NamedTuple):
    """Mask logits of a batch of clips; above 0 is foreground.

    Attributes:
        low: from the decoder, float32 [B, T, 4h, 4w].
        logits: resized to the clip's own size, float32 [B, T, H, W].
    """

    low: Tensor
    logits: Tensor

    @classmethod
    def of(cls, low: Tensor, size: tuple[int, int]) -> Masks:
        """From the decoder's logits, for clips of a size (H, W)."""
        return cls(low, F.interpolate(low, size, mode="bilinear", align_corners=False))


class Answers(NamedTuple):
    """A method's masks of G targets for each of M classes.

    Attributes:
        logits: at the size of the targets, float32 [M, G, H, W]; above 0 is foreground.
        iou: predicted IoU of each mask, float32 [M, G], in [0, 1].
    """

    logits: Tensor
    iou: Tensor


class Method(nn.Module, ABC):
    """Turns clips into masks; a module, since a method may have its own networks.

    Its trained tensors are saved, loaded and counted like a strategy's, under ``method.<name>``.
    """

    def attach(self, tracker: Tracker) -> None:
        """Freeze the method's own networks; a subclass then unfreezes those that train.

        Args:
            tracker: the base with its strategy.
        """
        self.requires_grad_(False)

    def unused(self, prompts: PromptKinds | None) -> str:
        """A pattern of the names of the tracker's parameters that get no gradient in training.

        They stay frozen, whatever a strategy unfreezes: a parameter without a gradient would stop distributed
        training, and weight decay would shrink it.

        Args:
            prompts: of the training clips' references; None if the strategy does not know.
        """
        return NOTHING

    def check(self, stage: str, data: Any) -> None:
        """Refuse a run that cannot work, before anything is built.

        Args:
            stage: "fit", "validate", "test" or "predict".
            data: the datamodule.

        Raises:
            ValueError: says what would be right.
        """

    @abstractmethod
    def forward(self, tracker: Tracker, batch: ClipBatch, propagate_targets: bool) -> Masks:
        """Logits of every frame of every clip: one step per frame for the whole batch.

        Args:
            tracker: the base with its strategy.
            batch: B clips.
            propagate_targets: whether the prediction for a target becomes memory for later ones.
        """

    @abstractmethod
    def remember(self, tracker: Tracker, images: Tensor, prompts: Sequence[Prompt]) -> ReferenceMemory:
        """Read the references of one class, once for any number of targets.

        Args:
            tracker: the base with its strategy.
            images: uint8 [K, 3, H, W], RGB, or float32, ImageNet-normalised.
            prompts: K prompts, in pixels of the images.
        """

    @abstractmethod
    def segment(self, tracker: Tracker, memories: Sequence[ReferenceMemory], images: Tensor) -> Answers:
        """Masks of targets, each from the references of one class alone; a target is encoded once for all classes.

        Args:
            tracker: the base with its strategy.
            memories: results of :meth:`remember` for each of M classes.
            images: G targets, [G, 3, H, W], in the same form.
        """

    @classmethod
    def trained_as(cls) -> type[Method]:
        """The method whose checkpoints this one uses: itself, or the one from which it differs only in evaluation."""
        return cls

    def settings(self) -> dict[str, Any]:
        """The constructor's arguments, as plain values; a method keeps each under its own name."""
        return plain_settings(self)

    @classmethod
    def from_settings(cls, settings: Mapping[str, Any]) -> Self:
        """The method that gave these :meth:`settings`."""
        return cls(**settings)
