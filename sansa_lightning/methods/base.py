"""The contract of a method."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Self

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sansa_lightning.clips.batch import ClipBatch
from sansa_lightning.clips.prompt import Prompt
from sansa_lightning.methods.kept import KeptReferences
from sansa_lightning.strategies.base import NOTHING
from sansa_lightning.strategies.parts import PromptKinds
from sansa_lightning.strategies.settings import plain_settings
from sansa_lightning.trackers.base import Tracker

ReferenceMemory = Any
"""A method's memory of the references of one class, with which it segments any number of targets; of any type."""

Looked = Any
"""What a method needs of pictures, to remember them and to segment them, such as their features; of any type."""

Pairs = Sequence[tuple[int, int]]
"""A memory and a picture for each mask that is wanted, by their numbers."""


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
    """A method's masks of G targets for each of M classes, or of pairs of a class and a target: P instead of M, G.

    Attributes:
        logits: at the size of the targets, float32 [M, G, H, W]; above 0 is foreground.
        iou: predicted IoU of each mask, float32 [M, G], in [0, 1].
    """

    logits: Tensor
    iou: Tensor

    @classmethod
    def of(cls, logits: Tensor) -> Answers:
        """From logits alone: the IoU is that of the mask with the probabilities, which are 0 and 1 where it is sure."""
        probability, mask = logits.sigmoid(), (logits > 0).float()
        common = torch.minimum(probability, mask).sum((-2, -1))
        return cls(logits, common / torch.maximum(probability, mask).sum((-2, -1)).clamp(min=1))


class Method(nn.Module, ABC):
    """Turns clips into masks; a module, since a method may have its own networks.

    A subclass is a constructor with its settings and :meth:`forward`. What trains of it is saved, loaded and counted
    like what a strategy trains, under ``method.<name>``. What is frozen is not saved: it has to be the same whenever
    the method is built.
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

    def look_at(self, tracker: Tracker, images: Tensor) -> Looked:
        """Look at pictures once, for any number of calls of :meth:`write` and :meth:`answer`.

        By default they are kept as they are.

        Args:
            tracker: the base with its strategy.
            images: uint8 [F, 3, H, W], RGB, or float32, ImageNet-normalised.
        """
        return images

    def write(
        self, tracker: Tracker, looked: Looked, frames: Tensor, prompts: Sequence[Sequence[Prompt]]
    ) -> list[ReferenceMemory]:
        """The memory of each of B classes with K references.

        By default they are kept as they are, and :meth:`answer` reads them again with each group of targets.

        Args:
            tracker: the base with its strategy.
            looked: what :meth:`look_at` gave for pictures, the references among them.
            frames: int64 [B, K], numbers of the references among the pictures.
            prompts: B times K prompts, in pixels of the pictures.
        """
        return [KeptReferences(looked[row], tuple(own)) for row, own in zip(frames, prompts, strict=True)]

    def answer(self, tracker: Tracker, looked: Looked, memories: Sequence[ReferenceMemory], pairs: Pairs) -> Answers:
        """Masks of P pairs of a memory and a target, each from the references of that class alone.

        By default there is a clip for each class, of its references and its targets, which :meth:`forward` segments.

        Args:
            tracker: the base with its strategy.
            looked: what :meth:`look_at` gave for the targets; of the size of the references, where those are kept.
            memories: what :meth:`write` gave.
            pairs: P numbers of a memory and of a target, of at least one pair.
        """
        logits = looked.new_empty(len(pairs), *looked.shape[-2:], dtype=torch.float32)
        for number in {memory for memory, _ in pairs}:
            places = [place for place, (memory, _) in enumerate(pairs) if memory == number]
            targets = looked[[pairs[place][1] for place in places]]
            logits[places] = self._targets_of(tracker, memories[number], targets)
        return Answers.of(logits)

    def _targets_of(self, tracker: Tracker, kept: KeptReferences, images: Tensor) -> Tensor:
        """Logits of targets by the references of one class, [G, H, W]."""
        frames = torch.cat([kept.images, images])[None]
        unknown = frames.new_zeros(1, frames.shape[1], *frames.shape[-2:], dtype=torch.uint8)
        clip = ClipBatch((), frames, unknown, (kept.prompts,))
        masks: Masks = self(tracker, clip, propagate_targets=False)
        return masks.logits[0, clip.shots :].float()

    def remember(self, tracker: Tracker, images: Tensor, prompts: Sequence[Prompt]) -> ReferenceMemory:
        """Read the references of one class, once for any number of targets.

        Args:
            tracker: the base with its strategy.
            images: K references, see :meth:`look_at`.
            prompts: K prompts, in pixels of the images.
        """
        frames = torch.arange(len(images), device=images.device)[None]
        return self.write(tracker, self.look_at(tracker, images), frames, [prompts])[0]

    def segment(self, tracker: Tracker, memories: Sequence[ReferenceMemory], images: Tensor) -> Answers:
        """Masks of targets, each from the references of a class alone, for all classes at once.

        Args:
            tracker: the base with its strategy.
            memories: what :meth:`remember` gave for each of M classes.
            images: G targets, see :meth:`look_at`.
        """
        shape = (len(memories), len(images))
        pairs = [(memory, target) for memory in range(shape[0]) for target in range(shape[1])]
        logits, iou = self.answer(tracker, self.look_at(tracker, images), memories, pairs)
        return Answers(logits.unflatten(0, shape), iou.unflatten(0, shape))

    def pack(self, memory: ReferenceMemory) -> dict[str, Tensor]:
        """A memory as tensors by name, which a file can hold and a device can be given.

        A method whose :meth:`write` gives a memory of its own type has its own ``pack`` and :meth:`unpack`.

        Raises:
            ValueError: it has not.
        """
        if not isinstance(memory, KeptReferences):
            name = type(self).__name__
            msg = f"{name}.pack: expected the method to turn its {type(memory).__name__} into tensors; see Method.pack"
            raise ValueError(msg)
        return memory.pack()

    def unpack(self, tensors: Mapping[str, Tensor]) -> ReferenceMemory:
        """The memory that gave these tensors in :meth:`pack`, perhaps on another device or with less precision."""
        return KeptReferences.unpack(tensors)

    def clip_size(self, tracker: Tracker) -> int:
        """Side of the square that pictures become where nothing else is asked for, in pixels."""
        return tracker.clip_size

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
