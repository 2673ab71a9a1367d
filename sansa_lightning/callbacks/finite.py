"""A run that computes NaN or infinity ends before they overwrite good numbers."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from torch import Tensor, distributed

from sansa_lightning.metrics.damaged_clips import end_all
from sansa_lightning.strategies.base import trained_parameters


class StopNotFinite(Callback):
    """Ends training at the first loss that is not finite, and keeps such tensors out of checkpoints.

    On a CPU the loss is checked before its gradients are computed, so that the weights are still those of the step
    before. On a GPU it is checked without waiting, in the next step, before its gradients and before anything is
    validated or saved. With a gradient scaler (16-mixed), before the gradients is too early, since the scaler
    multiplies the loss and itself skips steps whose gradients overflow; there it is checked after the step.

    Args:
        at_once: whether to check a loss in its own step; if None, where that costs nothing.
    """

    def __init__(self, at_once: bool | None = None) -> None:
        self._at_once = at_once
        self._coming: _Loss | None = None

    def on_before_backward(self, trainer: Trainer, pl_module: LightningModule, loss: Tensor) -> None:
        """Check the loss.

        Raises:
            NotFiniteError: it is not finite on some process.
        """
        if not _has_scaler(trainer):
            self._follow(trainer, loss)

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Look at the loss.

        Raises:
            NotFiniteError: likewise.
        """
        if _has_scaler(trainer) and outputs:
            self._follow(trainer, outputs["loss"])

    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Check a loss that has not been checked yet.

        Raises:
            NotFiniteError: likewise.
        """
        self._look(trainer)

    on_train_end = on_validation_start

    def on_save_checkpoint(self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]) -> None:
        """Check such a loss, the trained tensors and the optimisers' states, which are equal on all processes.

        A gradient whose square overflows leaves an infinite moment with finite weights, from which no run could resume.

        Raises:
            NotFiniteError: the loss or a tensor is not finite; then nothing is written.
        """
        self._look(trainer)
        _check_tensors(trainer, trained_parameters(pl_module), "trained tensors")
        _check_tensors(trainer, _kept(checkpoint.get("optimizer_states", ())), "tensors of the optimiser")

    def _follow(self, trainer: Trainer, loss: Tensor) -> None:
        self._look(trainer)  # at the previous loss
        self._coming = _Loss(loss, trainer.global_step + 1)
        if loss.device.type != "cuda" if self._at_once is None else self._at_once:
            self._look(trainer)

    def _look(self, trainer: Trainer) -> None:
        coming, self._coming = self._coming, None
        if coming is not None:
            coming.check(trainer)


class _Loss:
    """A loss on its way to the CPU, with the answer whether it is finite on all processes.

    Args:
        loss: of a step; every process gives its own.
        step: its number, from 1.
    """

    def __init__(self, loss: Tensor, step: int) -> None:
        self._step = step
        value = loss.detach().sum()
        found = torch.stack([(~value.isfinite()).to(value), value])
        if distributed.is_available() and distributed.is_initialized():
            # Not the strategy's own reduction, which makes all processes wait at a barrier; NCCL's is only queued here.
            distributed.all_reduce(found[:1], op=distributed.ReduceOp.MAX)
        self._found = found.to("cpu", non_blocking=True)
        self._arrival = torch.cuda.current_stream(found.device).record_event() if found.is_cuda else None

    def check(self, trainer: Trainer) -> None:
        """Wait for it and check it.

        Raises:
            NotFiniteError: it is not finite on some process.
        """
        if self._arrival is not None:
            self._arrival.synchronize()
        damaged, value = self._found.tolist()
        if damaged:
            said = "on another process" if math.isfinite(value) else f"{value}"
            end_all(
                trainer,
                f"training: the loss is not finite ({said}) in step {self._step}; the last checkpoint stays as it was; "
                f"lower the learning rate, or look for wrong data",
            )


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
    # Stacked before they are read, so that a GPU is waited for only once; step counts are on the CPU.
    device = trainer.strategy.root_device
    whole = [value.isfinite().all().to(device) for value in tensors.values()]
    fine = torch.stack(whole).tolist() if whole else []
    damaged = [name for name, good in zip(tensors, fine, strict=True) if not good]
    if damaged:
        end_all(
            trainer,
            f"training: {len(damaged)} of {len(tensors)} {what} are not finite after step {trainer.global_step}, such "
            f"as {damaged[0]}; the last checkpoint stays as it was; lower the learning rate",
        )
