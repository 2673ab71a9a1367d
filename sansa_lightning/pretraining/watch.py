"""Watching a run for the two ways in which small trackers fail: collapse, and starvation of memory attention."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from sansa_lightning.sam2.types import SAM2Base


class CollapsedError(ValueError):
    """The decoder says the same everywhere: further training will not help."""


class Watch:
    """Reads a tracker's vital signs while it trains, and says when it has collapsed.

    Args:
        every: steps between checks.
        least_spread: smallest ``decoder_spread`` of a healthy run.
        patience: checks in a row below it that end the run.

    Attributes:
        low: how many checks in a row were below it.
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

    def listen(self, sam: SAM2Base) -> None:
        """Measure in every forward pass of a base, until :meth:`release`."""
        self._hear(sam.image_encoder.trunk, "trunk_norm", lambda stages: _norm(stages[2]))
        self._hear(sam.image_encoder, "neck_norm", lambda result: _norm(result["vision_features"]))
        # Tokens and features of the image, [G, h·w, C].
        self._hear(sam.sam_mask_decoder.transformer, "decoder_spread", lambda result: result[1].std(1).mean())

    def release(self) -> None:
        """Stop measuring."""
        for handle in self._handles:
            handle.remove()
        self._handles.clear()

    def forget(self) -> None:
        """Drop what was measured; called before each step, since a phase may not run all parts."""
        self._signs.clear()

    def check(self, sam: SAM2Base, step: int) -> dict[str, Tensor]:
        """The vital signs of a step after its backward pass; empty between checks.

        Returns:
            ``decoder_spread``, the standard deviation over places of the features that the decoder's transformer
            gives (they are layer-normalised: about 0.5 in health, 0 after a collapse); ``trunk_norm`` and
            ``neck_norm``, the mean length of a place's features in stage 2 and after the neck;
            ``memory_gradient``, the norm of memory attention's gradient, small if it is starved. Those of parts that
            did not run are left out.

        Raises:
            CollapsedError: the spread was too small ``patience`` times in a row.
        """
        if step % self.every:
            return {}
        signs = dict(self._signs)
        gradients = [p.grad.norm() for p in sam.memory_attention.parameters() if p.grad is not None]
        if gradients:
            signs["memory_gradient"] = torch.stack(gradients).norm()
        if "decoder_spread" in signs:
            self._judge(float(signs["decoder_spread"]), step)
        return signs

    def _judge(self, spread: float, step: int) -> None:
        self.low = 0 if spread >= self.least_spread else self.low + 1  # NaN is no health either
        if self.low >= self.patience:
            msg = (
                f"training collapsed by step {step}: the decoder's features are the same everywhere (spread "
                f"{spread:.2g}, below {self.least_spread} in {self.patience} checks); lower model.tracker_rate or "
                f"raise model.warmup"
            )
            raise CollapsedError(msg)

    def _hear(self, module: nn.Module, name: str, measure: Callable[[Any], Tensor]) -> None:
        def hear(_module: nn.Module, _inputs: Any, output: Any) -> None:
            self._signs[name] = measure(output).detach()

        self._handles.append(module.register_forward_hook(hear))


def _norm(maps: Tensor) -> Tensor:
    """Mean over places of the length of a feature, [F, C, h, w] to a scalar."""
    return maps.norm(dim=1).mean()
