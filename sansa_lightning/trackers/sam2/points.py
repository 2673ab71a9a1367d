"""The points that SAM 2's prompt encoder reads: its padding points are where tokens are put."""

from __future__ import annotations

import torch
from torch import Tensor

from sansa_lightning.trackers.values import DecoderPrompt, Features


def padded_points(features: Features, prompt: DecoderPrompt) -> tuple[Tensor, Tensor]:
    """The points of a prompt, then a padding point for each of its tokens; if there are neither, SAM 2 reads one."""
    frames, device = len(features.image), features.image.device
    tokens = 0 if prompt.tokens is None else prompt.tokens.shape[1]
    if prompt.coords is not None and prompt.labels is not None and not tokens:
        return prompt.coords, prompt.labels
    padding = tokens or 1
    coords = torch.zeros(frames, padding, 2, device=device)
    labels = -torch.ones(frames, padding, dtype=torch.int32, device=device)
    if prompt.coords is None or prompt.labels is None:
        return coords, labels
    return torch.cat([prompt.coords, coords], dim=1), torch.cat([prompt.labels, labels], dim=1)
