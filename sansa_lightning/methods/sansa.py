"""SANSA: plain prompt-and-propagate; only the strategy learns (paper section 3). And what it shares with its kin."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from sansa_lightning.clips.batch import ClipBatch
from sansa_lightning.clips.prompt import Prompt
from sansa_lightning.methods.base import Answers, Masks, Method
from sansa_lightning.methods.memory import KShotMemory, MemoryBank, MemoryRule
from sansa_lightning.methods.propagation import Propagation
from sansa_lightning.methods.unused import unused_in_propagation, unused_in_spatial_memory
from sansa_lightning.strategies.parts import PromptKinds
from sansa_lightning.trackers.base import Tracker


class Propagating(Method):
    """A method that is a :class:`Propagation`: its rules are all that it adds to the tracker.

    Attributes:
        propagation: the rules, in evaluation.
    """

    def __init__(self, propagation: Propagation) -> None:
        super().__init__()
        self.propagation = propagation

    @property
    def rules(self) -> Propagation:
        """The rules in the present mode; in training a method may have others."""
        return self.propagation

    def forward(self, tracker: Tracker, batch: ClipBatch, propagate_targets: bool) -> Masks:
        """See :meth:`Method.forward`."""
        return self.rules(tracker, batch.images, batch.prompts, propagate_targets)

    def remember(self, tracker: Tracker, images: Tensor, prompts: Sequence[Prompt]) -> MemoryBank:
        """See :meth:`Method.remember`."""
        features = tracker.encode(images, self.rules.encode_chunk)
        grid = torch.arange(len(images), device=images.device)[None]
        size = (images.shape[-2], images.shape[-1])
        return self.rules.read_references(tracker, features, grid, [prompts], size)[1]

    def segment(self, tracker: Tracker, memories: Sequence[MemoryBank], images: Tensor) -> Answers:
        """See :meth:`Method.segment`; classes with equally many references share calls of memory and decoder."""
        features = tracker.encode(images, self.rules.encode_chunk)
        size = (images.shape[-2], images.shape[-1])
        logits = torch.empty(len(memories), len(images), *size, device=images.device)
        iou = torch.empty(len(memories), len(images), device=images.device)
        for shots in {memory.shots for memory in memories}:
            chosen = [number for number, memory in enumerate(memories) if memory.shots == shots]
            bank = MemoryBank.stacked([memories[number] for number in chosen])
            grid = torch.arange(len(images), device=images.device).expand(len(chosen), -1)
            decoded = self.rules.segment_targets(tracker, features, grid, bank)
            logits[chosen] = Masks.of(decoded.mask[:, 0].unflatten(0, grid.shape), size).logits
            iou[chosen] = decoded.iou.unflatten(0, grid.shape).to(iou)
        return Answers(logits, iou)


class Sansa(Propagating):
    """Plain prompt-and-propagate.

    Args:
        kshot_memory: "released" (order of the references matters) or "invariant"; see ``memory.KShotMemory``.
        mask_threshold: a mask prompt, resized bilinearly, is foreground above it; in [0, 1).
        encode_chunk: number of frames that the image encoder takes at a time; the whole batch if None.
    """

    def __init__(
        self,
        kshot_memory: KShotMemory = "released",
        mask_threshold: float = 0.0,
        encode_chunk: int | None = None,
    ) -> None:
        super().__init__(Propagation(MemoryRule(kshot_memory), mask_threshold, encode_chunk))
        self.kshot_memory = kshot_memory
        self.mask_threshold = mask_threshold
        self.encode_chunk = encode_chunk

    def unused(self, prompts: PromptKinds | None) -> str:
        """See :meth:`Method.unused`."""
        return unused_in_propagation(prompts)


class SansaSpatial(Propagating):
    """SANSA with FS-SAM2's rule of reading memories: no object pointers, no temporal rows, all references alike.

    A crossing that nobody has published (docs/fs_sam2.md 6). Prompts, written masks and the choice of a target's mask
    stay SANSA's; the whole of FS-SAM2's rule with another strategy is that strategy under ``FsSam2``.

    Args:
        mask_threshold: see :class:`Sansa`.
        encode_chunk: see :class:`Sansa`.
    """

    def __init__(self, mask_threshold: float = 0.0, encode_chunk: int | None = None) -> None:
        rule = MemoryRule("invariant", pointers=False, temporal=False)
        super().__init__(Propagation(rule, mask_threshold, encode_chunk))
        self.mask_threshold = mask_threshold
        self.encode_chunk = encode_chunk

    def unused(self, prompts: PromptKinds | None) -> str:
        """See :meth:`Method.unused`."""
        return unused_in_spatial_memory(prompts, single=False)
