"""One prompter out of several."""

from __future__ import annotations

import torch
from torch import Tensor

from sansa_lightning.clips.prompt import Prompt
from sansa_lightning.data.prompts.base import MaskPrompt, Prompter
from sansa_lightning.data.prompts.boxes import BoxPrompt
from sansa_lightning.data.prompts.points import PointPrompt
from sansa_lightning.data.prompts.scribbles import ScribblePrompt


class MultiPrompt(Prompter):
    """For each reference one of several prompters, equally likely (spec 3.2: for training with all kinds).

    Args:
        prompters: to choose from; mask, point, scribble and box as in training if None.
    """

    def __init__(self, prompters: list[Prompter] | None = None) -> None:
        self.prompters = (
            [MaskPrompt(), PointPrompt(), ScribblePrompt(), BoxPrompt()] if prompters is None else prompters
        )
        if not self.prompters:
            msg = "MultiPrompt.prompters: expected at least one prompter, but got none"
            raise ValueError(msg)

    def __call__(self, mask: Tensor, generator: torch.Generator) -> Prompt:
        """The chosen one's prompt."""
        chosen = int(torch.randint(len(self.prompters), (), generator=generator))
        return self.prompters[chosen](mask, generator)
