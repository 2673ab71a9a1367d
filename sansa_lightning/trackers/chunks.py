"""The number of frames that an image encoder takes at a time where nobody says."""

from __future__ import annotations

import torch

PATCH = 4
"""Pixels of a cell of the finest map."""

CELLS_ON_CPU = 2**16
"""Cells of the finest maps that a CPU works on at a time: a frame at 1024 px, 4 at 512 px, 113 of nano's. More frames
leave its caches and take no less time each, and need more memory (docs/benchmarks.md)."""

MAPS = 12
"""Maps of the finest stage that a frame needs at once: in and out, queries, keys and values, and the MLP's hidden one,
of four times the width."""

SHARE = 0.5
"""Of a GPU's free memory."""


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
        return max(1, int(SHARE * torch.cuda.mem_get_info(device)[0]) // frame)
    return max(1, CELLS_ON_CPU // cells)
