"""Watching a run for the two typical failures of training: collapse, and starvation of memory attention."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from torch import Tensor
from torch.utils.hooks import RemovableHandle

from sansa_lightning.trackers.base import Place, Tracker

MATCHING = ("cross_attn_image.q_proj", "cross_attn_image.k_proj")
"""Projections of memory attention that match a target with the memories."""


class CollapsedError(ValueError):
    """The decoder's features are the same everywhere: further training will not help."""


class Watch:
    """Measures a base's vital signs while it trains, and ends a collapsed run.

    Args:
        every: steps between checks.
        least_spread: smallest ``decoder_spread`` of a healthy run.
        patience: number of checks in a row below it that ends the run.

    Attributes:
        low: number of checks in a row that were below it.
    """

    def __init__(self, every: int = 20, least_spread: float = 0.05, patience: int = 3) -> None:
        if min(every, patience) < 1 or least_spread < 0:
            msg = (
                f"watch: expected every and patience >= 1 and least_spread >= 0, but got every {every}, "
                f"patience {patience} and least_spread {least_spread}"
            )
            raise ValueError(msg)
        self.every = every
        self.least_spread = least_spread
        self.patience = patience
        self.low = 0
        self._signs: dict[str, Tensor] = {}
        self._handles: list[RemovableHandle] = []

    def begin(self, tracker: Tracker, step: int) -> None:
        """Forget the last step, and measure this one if it is checked: in others nothing is measured."""
        self.release()
        self._signs.clear()
        if not step % self.every:
            self.listen(tracker)

    def listen(self, tracker: Tracker) -> None:
        """Measure in every forward pass of a base, until :meth:`release`."""
        self._hear(tracker, "stage 2", "trunk_norm", _norm)
        self._hear(tracker, "neck", "neck_norm", _norm)
        self._hear(tracker, "decoder", "decoder_spread", lambda features: features.std(1).mean())

    def release(self) -> None:
        """Stop measuring."""
        for handle in self._handles:
            handle.remove()
        self._handles.clear()

    def check(self, tracker: Tracker, step: int) -> dict[str, Tensor]:
        """Stop measuring; the vital signs of a step after its backward pass, empty between checks.

        Returns:
            ``decoder_spread``, the standard deviation over places of the decoder transformer's features (they are
            layer-normalised: about 0.5 in a healthy nano, 0 after a collapse); ``trunk_norm`` and ``neck_norm``, the
            mean length of a place's features in stage 2 and after the neck; if memory attention trains,
            ``memory_gradient``, the norm of its gradient, and ``matching_gradient``, that of the projections that match
            target and memories: near 0 if they are starved. Signs of parts that did not run are left out.

        Raises:
            CollapsedError: the spread was too small ``patience`` times in a row.
        """
        self.release()
        if step % self.every:
            return {}
        signs = dict(self._signs)
        attention = tracker.get_submodule(tracker.parts()["memory_attention"][0])
        gradients = {n: p.grad.norm() for n, p in attention.named_parameters() if p.grad is not None}
        matching = [norm for name, norm in gradients.items() if any(part in name for part in MATCHING)]
        for sign, norms in (("memory_gradient", list(gradients.values())), ("matching_gradient", matching)):
            if norms:
                signs[sign] = torch.stack(norms).norm()
        if "decoder_spread" in signs:
            self._judge(float(signs["decoder_spread"]), step)
        return signs

    def _judge(self, spread: float, step: int) -> None:
        self.low = 0 if spread >= self.least_spread else self.low + 1  # NaN is not healthy either
        if self.low >= self.patience:
            msg = (
                f"training collapsed by step {step}: the decoder's features are the same everywhere (spread "
                f"{spread:.2g}, below {self.least_spread:.2g} in {self.patience} checks); lower the learning rate"
            )
            raise CollapsedError(msg)

    def _hear(self, tracker: Tracker, place: Place, name: str, measure: Callable[[Tensor], Tensor]) -> None:
        def hear(features: Tensor) -> None:
            self._signs[name] = measure(features).detach()

        self._handles.append(tracker.tap(place, hear))


class WatchTraining(Callback):
    """Logs the vital signs of few-shot training as ``watch/...``, and ends a run that has collapsed.

    A trained base is healthy at first. The limit for a collapse is a share of the spread at the first check, since the
    gain of the decoder's last normalisation differs between bases.

    Args:
        every: steps between checks.
        least_share: of the first spread; a check below it is bad.
        patience: number of bad checks in a row that ends the run.
    """

    def __init__(self, every: int = 20, least_share: float = 0.1, patience: int = 3) -> None:
        self.watch = Watch(every, 0.0, patience)
        self.least_share = least_share

    def on_train_batch_start(self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int) -> None:
        """Begin a step."""
        self.watch.begin(_tracker(pl_module), trainer.global_step)

    def on_before_optimizer_step(
        self, trainer: Trainer, pl_module: LightningModule, optimizer: torch.optim.Optimizer
    ) -> None:
        """Log the signs, before gradients are clipped.

        Raises:
            CollapsedError: see :class:`Watch`.
        """
        signs = self.watch.check(_tracker(pl_module), trainer.global_step)
        if not self.watch.least_spread and "decoder_spread" in signs:
            self.watch.least_spread = self.least_share * float(signs["decoder_spread"])
        pl_module.log_dict({f"watch/{name}": sign for name, sign in signs.items()})

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Stop."""
        self.watch.release()

    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:
        """Stop."""
        self.watch.release()

    def state_dict(self) -> dict[str, Any]:
        """The state for a resumed run."""
        return {"low": self.watch.low, "least_spread": self.watch.least_spread}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Restore the state."""
        self.watch.low, self.watch.least_spread = state_dict["low"], state_dict["least_spread"]


def _tracker(module: LightningModule) -> Tracker:
    tracker: Any = module.base  # of a module that trains one
    found: Tracker = tracker
    return found


def _norm(maps: Tensor) -> Tensor:
    """Mean over places of the length of a feature, [F, C, h, w] to a scalar."""
    return maps.norm(dim=1).mean()
