"""Predictions that are not finite: they have no score, and end the run that made them."""

from __future__ import annotations

import torch
from lightning.pytorch import Trainer
from torch import Tensor


class NotFiniteError(ValueError):
    """A loss, a trained tensor or a prediction is not finite."""


class DamagedClips:
    """Counts the clips that were predicted with logits that are not finite, until somebody looks."""

    def __init__(self) -> None:
        self._since: Tensor | int = 0

    def count(self, logits: Tensor) -> None:
        """Add the clips of a batch; waits for no GPU.

        Args:
            logits: [B, ...].
        """
        self._since = self._since + damaged_clips(logits)

    def look(self, trainer: Trainer, phase: str) -> None:
        """See that there were none since the last look; to be called on all processes.

        Args:
            trainer: knows the processes.
            phase: such as "val".

        Raises:
            NotFiniteError: there were some on some process.
        """
        count = torch.as_tensor(self._since, dtype=torch.float64, device=trainer.strategy.root_device)
        self._since = 0
        total = int(trainer.strategy.reduce(count, reduce_op="sum"))
        if total:
            end_all(
                trainer,
                f"{phase}: the logits of {total} predicted clips are not finite, so there is no score; the weights are "
                f"damaged, or trained at too high a learning rate",
            )


def damaged_clips(logits: Tensor) -> Tensor:
    """How many clips have a logit that is not finite, int64.

    Args:
        logits: [B, ...].

    Example:
        >>> damaged_clips(torch.tensor([[0.0, float("nan")], [1.0, 2.0]])).item()
        1
    """
    return (~logits.detach().isfinite()).flatten(1).any(1).sum()


def end_all(trainer: Trainer, message: str) -> None:
    """End the run on all processes, which come here at once.

    Raises:
        NotFiniteError: on the first one.
        SystemExit: on the others.
    """
    # The first process speaks for all; it would be killed while it writes its result if Lightning saw another one fail.
    if not trainer.is_global_zero:
        raise SystemExit(0)
    raise NotFiniteError(message)
