"""How many frames or clips run at a time where nobody says."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from sansa_lightning.trackers.values import Features, MemoryTokens

PATCH = 4
"""Pixels of a cell of the finest map."""

CELLS_ON_CPU = 2**16
"""Cells of the finest maps that a CPU works on at a time: a frame at 1024 px, 4 at 512 px, 113 of nano's. More frames
leave its caches and take no less time each, and need more memory (docs/benchmarks.md)."""

MAPS = 12
"""Maps of the finest stage that a frame needs at once: in and out, queries, keys and values, and the MLP's hidden one,
of four times the width."""

SHARE = 0.25
"""Of a GPU's memory: of all of it, since what is free changes during a run, and chunks would with it."""

QUERIES_ON_CPU = 2**12
"""Cells that a CPU's memory attention works on at a time: one clip at 1024 px, 28 of nano's."""


def clips_at_once(image: Tensor) -> int:
    """Clips that memory attention takes at a time, of features [B, C, h, w]; all of them on other devices."""
    return max(1, QUERIES_ON_CPU // image[0, 0].numel()) if image.device.type == "cpu" else len(image)


def frames_at_once(device: torch.device, side: int, width: int) -> int:
    """Frames of a chunk.

    Args:
        device: of the frames.
        side: of the finest map, in cells.
        width: its channels.
    """
    cells = side**2
    if device.type == "cuda":
        frame = MAPS * cells * width * 4  # bytes of float32
        return max(1, int(SHARE * torch.cuda.get_device_properties(device).total_memory) // frame)
    return max(1, CELLS_ON_CPU // cells)


def attend_in_parts(
    attend: Callable[[Features, MemoryTokens], Features], features: Features, tokens: MemoryTokens, clips: int
) -> Features:
    """Memory attention for some clips at a time.

    Args:
        attend: for all clips that it gets.
        features: of the next frame of each clip.
        tokens: that they read.
        clips: at a time.
    """
    rows = (features.image, tokens.keys.transpose(0, 1), tokens.positions.transpose(0, 1))
    parts = zip(*(each.split(clips) for each in rows), strict=True)
    done = [
        attend(
            Features(image, (), features.position),
            MemoryTokens(keys.transpose(0, 1), positions.transpose(0, 1), tokens.pointers),
        ).image
        for image, keys, positions in parts
    ]
    return features.with_image(torch.cat(done))
