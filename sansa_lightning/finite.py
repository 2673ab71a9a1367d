"""Numbers that are none: a run that computes NaN or infinity ends, before it puts them where good ones are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from torch import Tensor

from sansa_lightning.strategies.base import trained_parameters


class NotFiniteError(ValueError):
    """A loss, a trained tensor or a prediction is not finite."""


class StopNotFinite(Callback):
    """Ends training at the first loss that is not finite, and lets no checkpoint hold tensors that are not.

    The loss is looked at before its gradients, so that the weights are still those of the step before. With a scaler
    of gradients (16-mixed) that is too early, since the scaler multiplies it and itself leaves out steps whose
    gradients overflow; there it is looked at after the step.
    """

    def on_before_backward(self, trainer: Trainer, pl_module: LightningModule, loss: Tensor) -> None:
        """Look at the loss.

        Raises:
            NotFiniteError: it is not finite on some process.
        """
        if not _has_scaler(trainer):
            _check_loss(trainer, loss)

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Look at the loss.

        Raises:
            NotFiniteError: likewise.
        """
        if _has_scaler(trainer) and outputs:
            _check_loss(trainer, outputs["loss"])

    def on_save_checkpoint(self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]) -> None:
        """Look at what trains and at what its optimisers keep; both are the same on all processes.

        A gradient whose square overflows leaves an infinite moment behind finite weights, and no run could go on.

        Raises:
            NotFiniteError: a tensor is not finite; nothing was written then.
        """
        _check_tensors(trainer, trained_parameters(pl_module), "trained tensors")
        _check_tensors(trainer, _kept(checkpoint.get("optimizer_states", ())), "tensors of the optimiser")


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
            _end(
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


def _has_scaler(trainer: Trainer) -> bool:
    return getattr(trainer.precision_plugin, "scaler", None) is not None


def _kept(states: Sequence[Mapping[str, Any]]) -> dict[str, Tensor]:
    """The tensors that optimisers keep for parameters, by their places in a checkpoint."""
    return {
        f"optimizer_states[{number}].state[{parameter}].{name}": value
        for number, state in enumerate(states)
        for parameter, kept in state["state"].items()
        for name, value in kept.items()
        if isinstance(value, Tensor)
    }


def _check_tensors(trainer: Trainer, tensors: Mapping[str, Tensor], what: str) -> None:
    # Brought together before they are asked for, which makes a GPU wait once; steps are counted on the CPU.
    device = trainer.strategy.root_device
    whole = [value.isfinite().all().to(device) for value in tensors.values()]
    fine = torch.stack(whole).tolist() if whole else []
    damaged = [name for name, good in zip(tensors, fine, strict=True) if not good]
    if damaged:
        _end(
            trainer,
            f"training: {len(damaged)} of {len(tensors)} {what} are not finite after step {trainer.global_step}, such "
            f"as {damaged[0]}; the last checkpoint stays as it was; lower the learning rate",
        )


def _check_loss(trainer: Trainer, loss: Tensor) -> None:
    fine = bool(loss.detach().isfinite().all())
    if not trainer.strategy.reduce_boolean_decision(fine):
        said = "on another process" if fine else f"{float(loss.detach().sum())}"
        _end(
            trainer,
            f"training: the loss is not finite ({said}) in step {trainer.global_step + 1}; the last checkpoint stays "
            f"as it was; lower the learning rate, or look for wrong data",
        )


def _end(trainer: Trainer, message: str) -> None:
    # All processes come here at once. The first one speaks for all of them; it would be killed while it writes its
    # result if Lightning saw another one fail.
    if not trainer.is_global_zero:
        raise SystemExit(0)
    raise NotFiniteError(message)
