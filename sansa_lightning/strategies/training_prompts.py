"""The kinds of prompts that a prompter draws, for strategies whose trained parameters depend on them."""

from __future__ import annotations

from typing import Any

import torch


def prompt_kinds(prompter: Any) -> frozenset[str]:
    """Whether references are annotated by "mask", by "points" (boxes too), or by both.

    Args:
        prompter: as ``data.train_prompt``; one with ``prompters``, such as MultiPrompt, draws the kinds of all of them.
    """
    if several := getattr(prompter, "prompters", None):
        return frozenset().union(*map(prompt_kinds, several))
    mask = torch.zeros(64, 64, dtype=torch.uint8)
    mask[16:48, 16:48] = 1
    drawn = prompter(mask, torch.Generator().manual_seed(0))
    return frozenset({"points" if drawn.dense is None else "mask"})
