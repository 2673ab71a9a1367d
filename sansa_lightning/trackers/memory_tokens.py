"""Memories of frames as the tokens that memory attention reads, in SAM 2 and what was made from it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from sansa_lightning.trackers.base import Memory, MemoryTokens


def map_tokens(maps: Tensor) -> Tensor:
    """[B, C, h, w] to [h·w, B, C]."""
    return maps.flatten(2).permute(2, 0, 1)


def memory_tokens(
    memories: Sequence[tuple[Memory, int | None]],
    pointers: Sequence[tuple[Memory, int]],
    rows: Tensor,
    encode: Callable[[Tensor], Tensor],
) -> MemoryTokens:
    """See :meth:`~sansa_lightning.trackers.base.Tracker.tokens`.

    Args:
        memories: whose spatial memories are read, each with its row or None.
        pointers: whose object pointers are read, each with its distance in frames.
        rows: the temporal embedding, [R, 1, 1, M].
        encode: from the distances, float32 [P], to the pointers' positions, [P, M] or [1, M].
    """
    keys = [map_tokens(memory.features) for memory, _ in memories]
    positions = [map_tokens(memory.position) + (0 if row is None else rows[row]) for memory, row in memories]
    if not pointers:
        return MemoryTokens(torch.cat(keys), torch.cat(positions), 0)
    pointer_keys, pointer_positions = _pointer_tokens(pointers, rows.shape[-1], encode)
    return MemoryTokens(torch.cat([*keys, pointer_keys]), torch.cat([*positions, pointer_positions]), len(pointer_keys))


def _pointer_tokens(
    seen: Sequence[tuple[Memory, int]], width: int, encode: Callable[[Tensor], Tensor]
) -> tuple[Tensor, Tensor]:
    """Each pointer is cut into C / M tokens of the memory's width M."""
    pointers = torch.stack([memory.pointer for memory, _ in seen])
    count, clips, channels = pointers.shape
    pieces = channels // width
    tokens = pointers.reshape(count, clips, pieces, width).transpose(1, 2).flatten(0, 1)
    distances = torch.tensor([float(distance) for _, distance in seen], device=pointers.device)
    positions = encode(distances)[:, None]
    return tokens, positions.expand(count, clips, -1).repeat_interleave(pieces, dim=0)
