"""Prompters, which turn the mask of a reference into a prompt (spec 5)."""

from sansa_lightning.data.prompts.base import MaskPrompt, Prompter, prompt_generator
from sansa_lightning.data.prompts.boxes import BoxPrompt, WholeBoxPrompt
from sansa_lightning.data.prompts.multi import MultiPrompt
from sansa_lightning.data.prompts.points import PointPrompt
from sansa_lightning.data.prompts.scribbles import ScribblePrompt

__all__ = [
    "BoxPrompt",
    "MaskPrompt",
    "MultiPrompt",
    "PointPrompt",
    "Prompter",
    "ScribblePrompt",
    "WholeBoxPrompt",
    "prompt_generator",
]
