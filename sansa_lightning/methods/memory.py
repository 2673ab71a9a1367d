"""The memory bank of a batch of clips: how frames are written, and which memories a target reads."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

import torch
from torch import Tensor

from sansa_lightning.trackers.base import Features, Memory, Tracker

KShotMemory = Literal["released", "invariant"]
"""How references become memories. "released": only the first is a conditioning frame, further ones are past frames
with recency rows, so their order matters (published code). "invariant": all are conditioning frames (what the paper
claims). See docs/sansa.md 1.2, step 8."""


@dataclass(frozen=True, slots=True)
class MemoryRule:
    """The memory written for a frame, and the memories that a target reads.

    Attributes:
        frames: see :data:`KShotMemory`.
        pointers: whether object pointers are read.
        temporal: whether spatial memories carry their row of the temporal embedding.
        scale: of the written mask, see :meth:`written`.
        bias: likewise.
        sigmoid: likewise.
    """

    frames: KShotMemory = "released"
    pointers: bool = True
    temporal: bool = True
    scale: float = 20.0
    bias: float = -10.0
    sigmoid: bool = True

    def __post_init__(self) -> None:
        """Check ``frames``.

        Raises:
            ValueError: it is neither "released" nor "invariant".
        """
        if self.frames not in ("released", "invariant"):
            msg = f"kshot_memory: expected 'released' or 'invariant', but got {self.frames!r}"
            raise ValueError(msg)

    def written(self, logits: Tensor) -> Tensor:
        """Input of the memory encoder from mask logits: scale · sigmoid(x) + bias as in SAM 2, or without sigmoid."""
        return logits.sigmoid() * self.scale + self.bias if self.sigmoid else logits


RELEASED = MemoryRule()


class Seen(NamedTuple):
    """A past frame that a target reads.

    Attributes:
        frame: its place in the clip.
        code: for a spatial memory, the row of the temporal embedding; for a pointer, its distance in frames.
    """

    frame: int
    code: int


def spatial_memories(frame: int, shots: int, rows: int, mode: KShotMemory) -> list[Seen]:
    """Spatial memories that target ``frame`` attends to, in order (docs/sansa.md 1.2, step 8).

    Conditioning frames come first and get the last row; then up to ``rows - 1`` past frames, oldest first, by recency.

    >>> spatial_memories(5, shots=5, rows=7, mode="released")
    [Seen(frame=0, code=6), Seen(frame=1, code=3), Seen(frame=2, code=2), Seen(frame=3, code=1), Seen(frame=4, code=0)]
    >>> spatial_memories(3, shots=2, rows=7, mode="invariant")
    [Seen(frame=0, code=6), Seen(frame=1, code=6), Seen(frame=2, code=0)]
    """
    conditioning = 1 if mode == "released" else shots
    recent = range(max(conditioning, frame - rows + 1), frame)
    return [Seen(t, rows - 1) for t in range(conditioning)] + [Seen(t, frame - t - 1) for t in recent]


def pointer_memories(frame: int, shots: int, limit: int, mode: KShotMemory) -> list[Seen]:
    """Object pointers read by target ``frame``: of conditioning frames, then of up to ``limit - 1`` past frames.

    Distances matter only to bases that encode them (SAM 2.1); with "invariant" all references have the first one's.

    >>> pointer_memories(3, shots=2, limit=16, mode="released")
    [Seen(frame=0, code=3), Seen(frame=2, code=1), Seen(frame=1, code=2)]
    """
    conditioning = 1 if mode == "released" else shots
    recent = range(frame - 1, max(conditioning - 1, frame - limit), -1)
    return [Seen(t, frame) for t in range(conditioning)] + [Seen(t, frame - t) for t in recent]


@dataclass
class MemoryBank:
    """Memories of the frames so far, in clip order, references first.

    Attributes:
        shots: K, number of references among the frames.
        rule: decides which of them a target reads.
        frames: one :class:`Memory` per frame.
    """

    shots: int
    rule: MemoryRule
    frames: list[Memory] = field(default_factory=list)

    def repeat(self, times: int) -> MemoryBank:
        """Every clip ``times`` times in a row."""
        return MemoryBank(self.shots, self.rule, [memory.repeat(times) for memory in self.frames])

    @classmethod
    def stacked(cls, banks: Sequence[MemoryBank]) -> MemoryBank:
        """Banks of equally many frames as one bank, their clips one after the other."""
        frames = [
            Memory(*map(torch.cat, zip(*memories, strict=True)))
            for memories in zip(*(b.frames for b in banks), strict=True)
        ]
        return cls(banks[0].shots, banks[0].rule, frames)

    def alone(self) -> list[MemoryBank]:
        """Each clip as a bank of its own."""
        parts = [
            [Memory(*one) for one in zip(*(tensor.split(1) for tensor in each), strict=True)] for each in self.frames
        ]
        return [MemoryBank(self.shots, self.rule, list(own)) for own in zip(*parts, strict=True)]

    def condition(self, tracker: Tracker, features: Features, clip_length: int) -> Features:
        """Features of the next frame of each clip after memory attention.

        Args:
            tracker: the base.
            features: of that frame, from the encoder.
            clip_length: T; SAM 2.1 scales the distances of pointers by it.
        """
        frame, rule = len(self.frames), self.rule
        limit = min(clip_length, tracker.most_pointers)
        spatial = spatial_memories(frame, self.shots, tracker.memory_rows, rule.frames)
        pointers = pointer_memories(frame, self.shots, limit, rule.frames) if rule.pointers else []
        tokens = tracker.tokens(
            [(self.frames[seen.frame], seen.code if rule.temporal else None) for seen in spatial],
            [(self.frames[seen.frame], seen.code) for seen in pointers],
            limit,
        )
        return tracker.attend(features, tokens)
