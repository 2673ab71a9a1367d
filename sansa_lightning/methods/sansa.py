"""SANSA: plain prompt-and-propagate; only the strategy learns (paper section 3). And what it shares with its kin."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from sansa_lightning.clips.batch import ClipBatch
from sansa_lightning.clips.prompt import Prompt
from sansa_lightning.methods.base import Answers, Masks, Method, Pairs
from sansa_lightning.methods.memory import KShotMemory, MemoryBank, MemoryRule
from sansa_lightning.methods.prompting import by_kind
from sansa_lightning.methods.propagation import Propagation
from sansa_lightning.methods.unused import unused_in_propagation, unused_in_spatial_memory
from sansa_lightning.strategies.parts import PromptKinds
from sansa_lightning.trackers.base import Decoded, Features, Memory, Tracker


class LookedAt(NamedTuple):
    """Pictures that a tracker has looked at.

    Attributes:
        features: of all of them.
        size: (H, W) of each.
    """

    features: Features
    size: tuple[int, int]


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

    def look_at(self, tracker: Tracker, images: Tensor) -> LookedAt:
        """The features of pictures; see :meth:`Method.look_at`."""
        return LookedAt(tracker.encode(images, self.rules.encode_chunk), (images.shape[-2], images.shape[-1]))

    def write(
        self, tracker: Tracker, looked: LookedAt, frames: Tensor, prompts: Sequence[Sequence[Prompt]]
    ) -> list[MemoryBank]:
        """See :meth:`Method.write`."""
        return self.rules.read_references(tracker, looked.features, frames, prompts, looked.size)[1].alone()

    def answer(self, tracker: Tracker, looked: LookedAt, memories: Sequence[MemoryBank], pairs: Pairs) -> Answers:
        """See :meth:`Method.answer`; classes with equally many references share calls of memory and decoder."""

        def decode(part: Features, places: list[int]) -> Decoded:
            bank = MemoryBank.stacked([memories[pairs[place][0]] for place in places])
            return self.rules.decode_targets(tracker, bank.condition(tracker, part, bank.shots + 1))

        targets = torch.tensor([target for _, target in pairs], device=looked.features.image.device)
        shots = [memories[memory].shots for memory, _ in pairs]
        found = by_kind(looked.features.select(targets), shots, decode)
        return Answers(Masks.of(found.mask, looked.size).logits[:, 0].float(), found.iou.float())

    def pack(self, memory: MemoryBank) -> dict[str, Tensor]:
        """The memories of K references, each [K, ...]; see :meth:`Method.pack`."""
        return {name: torch.cat(tensors) for name, *tensors in zip(Memory._fields, *memory.frames, strict=True)}

    def unpack(self, tensors: Mapping[str, Tensor]) -> MemoryBank:
        """See :meth:`Method.unpack`."""
        frames = [Memory(*one) for one in zip(*(tensors[name].split(1) for name in Memory._fields), strict=True)]
        return MemoryBank(len(frames), self.rules.memory, frames)


class Sansa(Propagating):
    """Plain prompt-and-propagate.

    Args:
        kshot_memory: "released" (order of the references matters) or "invariant"; see ``memory.KShotMemory``.
        mask_threshold: a mask prompt, resized bilinearly, is foreground above it; in [0, 1).
        encode_chunk: number of frames that the image encoder takes at a time; as many as suit the device if None.
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
