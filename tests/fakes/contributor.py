"""A callback of somebody's own that has something to say in the result of the run."""

from __future__ import annotations

from typing import Any

from lightning.pytorch import Callback


class Says(Callback):
    """Contributes a word.

    Args:
        word: which.
    """

    def __init__(self, word: str) -> None:
        self.word = word

    def record(self) -> dict[str, Any]:
        return {"words": {"said": self.word}}
