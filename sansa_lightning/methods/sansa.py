"""SANSA: plain prompt-and-propagate; only the strategy learns (paper section 3)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from sansa_lightning.clips.batch import ClipBatch
from sansa_lightning.clips.prompt import Prompt
from sansa_lightning.methods.base import Answers, Masks, Method
from sansa_lightning.methods.memory import KShotMemory, MemoryBank, MemoryRule
from sansa_lightning.methods.propagation import Propagation
from sansa_lightning.methods.unused import unused_in_propagation
from sansa_lightning.strategies.parts import PromptKinds
from sansa_lightning.trackers.base import Tracker


class Sansa(Method):
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
        super().__init__()
        self.kshot_memory = kshot_memory
        self.mask_threshold = mask_threshold
        self.encode_chunk = encode_chunk
        self.propagation = Propagation(MemoryRule(kshot_memory), mask_threshold, encode_chunk)

    def unused(self, prompts: PromptKinds | None) -> str:
        """See :meth:`Method.unused`."""
        return unused_in_propagation(prompts)

    def forward(self, tracker: Tracker, batch: ClipBatch, propagate_targets: bool) -> Masks:
        """See :meth:`Method.forward`."""
        return self.propagation(tracker, batch.images, batch.prompts, propagate_targets)

    def remember(self, tracker: Tracker, images: Tensor, prompts: Sequence[Prompt]) -> MemoryBank:
        """See :meth:`Method.remember`."""
        features = tracker.encode(images, self.encode_chunk)
        grid = torch.arange(len(images), device=images.device)[None]
        size = (images.shape[-2], images.shape[-1])
        return self.propagation.read_references(tracker, features, grid, [prompts], size)[1]

    def segment(self, tracker: Tracker, memories: Sequence[MemoryBank], images: Tensor) -> Answers:
        """See :meth:`Method.segment`; classes with equally many references share calls of memory and decoder."""
        features = tracker.encode(images, self.encode_chunk)
        size = (images.shape[-2], images.shape[-1])
        logits = torch.empty(len(memories), len(images), *size, device=images.device)
        iou = torch.empty(len(memories), len(images), device=images.device)
        for shots in {memory.shots for memory in memories}:
            chosen = [number for number, memory in enumerate(memories) if memory.shots == shots]
            bank = MemoryBank.stacked([memories[number] for number in chosen])
            grid = torch.arange(len(images), device=images.device).expand(len(chosen), -1)
            decoded = self.propagation.segment_targets(tracker, features, grid, bank)
            logits[chosen] = Masks.of(decoded.mask[:, 0].unflatten(0, grid.shape), size).logits
            iou[chosen] = decoded.iou.unflatten(0, grid.shape).to(iou)
        return Answers(logits, iou)
