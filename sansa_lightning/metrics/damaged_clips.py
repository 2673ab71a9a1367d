"""Predictions that are not finite: they have no score, and end the run."""

from __future__ import annotations

import torch
from lightning.pytorch import Trainer
from torch import Tensor

from sansa_lightning.files.messages import counted


class NotFiniteError(ValueError):
    """A loss, a trained tensor or a prediction is not finite."""


class DamagedClips:
    """Counts the clips with predicted logits that are not finite."""

    def __init__(self) -> None:
        self._since: Tensor | int = 0

    def count(self, logits: Tensor) -> None:
        """Add the clips of a batch, without waiting for a GPU.

        Args:
            logits: [B, ...].
        """
        self._since = self._since + damaged_clips(logits)

    def look(self, trainer: Trainer, phase: str) -> None:
        """Check that there were none since the last look; call it on all processes.

        Args:
            trainer: knows the processes.
            phase: such as "val".

        Raises:
            NotFiniteError: there were some, on any process.
        """
        count = torch.as_tensor(self._since, dtype=torch.float64, device=trainer.strategy.root_device)
        self._since = 0
        total = int(trainer.strategy.reduce(count, reduce_op="sum"))
        if total:
            end_all(
                trainer,
                f"{phase}: {counted(total, 'predicted clip')} with logits that are not finite, so there is no score; "
                f"the weights are damaged, or trained at too high a learning rate",
            )


def damaged_clips(logits: Tensor) -> Tensor:
    """The number of clips with a logit that is not finite, int64.

    Args:
        logits: [B, ...].

    Example:
        >>> damaged_clips(torch.tensor([[0.0, float("nan")], [1.0, 2.0]])).item()
        1
    """
    return (~logits.detach().isfinite()).flatten(1).any(1).sum()


def end_all(trainer: Trainer, message: str) -> None:
    """End the run on all processes, all of which call this.

    Raises:
        NotFiniteError: on the first process.
        SystemExit: on the others.
    """
    # The first process speaks for all. Lightning would kill it, while it writes its result, if it saw another one fail.
    if not trainer.is_global_zero:
        raise SystemExit(0)
    raise NotFiniteError(message)
