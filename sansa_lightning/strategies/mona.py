"""Mona: multi-scale depth-wise convolution adapters in each encoder block (Yin et al., CVPR 2025)."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sansa_lightning.strategies.base import Strategy
from sansa_lightning.strategies.checks import check_probability, check_whole
from sansa_lightning.strategies.placement import Placement, blocks_of, check_placement
from sansa_lightning.strategies.switch import Switch
from sansa_lightning.trackers.base import Tracker

KERNELS = (3, 5, 7)
NORM_START = 1e-6


class Mona(Strategy):
    """Two convolutional adapters per block, one on the residual stream after attention and one after the MLP.

    They see the whole map of a block, [B, H, W, C], after its windows are put together and its queries pooled. Unlike
    the original, the last projection starts as zero, so that attaching does not change the base's results.

    Args:
        placement: stages of the image encoder, a name for them, or blocks; see ``placement.Placement``.
        width: channels that the convolutions work on, the same in all blocks; the original's 64 by default.
        dropout: probability inside the adapter, in training.
    """

    def __init__(self, placement: Placement = (2, 3), width: int = 64, dropout: float = 0.1) -> None:
        self.placement = check_placement(placement, "Mona")
        self.width = check_whole(width, "Mona.width", what="channel")
        self.dropout = check_probability(dropout, "Mona.dropout")

    def inject(self, tracker: Tracker) -> None:
        """Give each block of the placement two adapters, ``blocks.<i>.mona.{after_attention,after_mlp}``."""
        for number in blocks_of(tracker, self.placement, "Mona"):
            block = tracker.blocks()[number]
            pair = block.module.mona = MonaPair(block.dim_out, self.width, self.dropout)
            pair.on_input(block.norm2, pair.change_residual)
            pair.on_output(block.mlp, pair.change_result)


class MonaPair(Switch):
    """The two adapters of a block, which reach its residual stream through hooks alone.

    A block computes y = x + MLP(norm2(x)). Wanted is y' = x' + m + c(x' + m) with x' = x + b(x), m = MLP(norm2(x')),
    and the adapters' outputs b and c. The block adds the MLP's result to its own x, so the hook on norm2 hands x' to
    the MLP, and the hook on the MLP returns b(x) + m + c(x' + m).
    """

    def __init__(self, channels: int, width: int, dropout: float) -> None:
        super().__init__()
        self.after_attention = ConvAdapter(channels, width, dropout)
        self.after_mlp = ConvAdapter(channels, width, dropout)
        self._kept: tuple[Tensor, ...] = ()

    def change_residual(self, _module: nn.Module, inputs: tuple[Any, ...]) -> tuple[Any, ...]:
        """The input of norm2: x' instead of x; keeps b(x) and x' for the other hook."""
        if not self.enabled:
            return inputs
        change = self.after_attention(inputs[0])
        changed = inputs[0] + change
        self._kept = change, changed
        return (changed,)

    def change_result(self, _module: nn.Module, _inputs: tuple[Any, ...], output: Tensor) -> Tensor:
        """The result of the MLP: b(x) + m + c(x' + m)."""
        if not self.enabled:
            return output
        (change, changed), self._kept = self._kept, ()
        result: Tensor = change + output + self.after_mlp(changed + output)
        return result


class ConvAdapter(nn.Module):
    """The branch that Mona adds to its input: scaled norm, down, convolutions of three sizes, 1x1, GELU, up."""

    def __init__(self, channels: int, width: int, dropout: float) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(channels)
        self.norm_scale = nn.Parameter(torch.full((channels,), NORM_START))
        self.input_scale = nn.Parameter(torch.ones(channels))
        self.down_proj = nn.Linear(channels, width)
        self.depthwise = nn.ModuleList(nn.Conv2d(width, width, k, padding=k // 2, groups=width) for k in KERNELS)
        self.pointwise = nn.Conv2d(width, width, 1)
        self.dropout = nn.Dropout(dropout)
        self.up_proj = nn.Linear(width, channels)
        nn.init.zeros_(self.up_proj.weight)
        nn.init.zeros_(self.up_proj.bias)

    def forward(self, x: Tensor) -> Tensor:
        """[B, H, W, C] to [B, H, W, C]."""
        scaled = self.norm(x) * self.norm_scale + x * self.input_scale
        maps = self.down_proj(scaled).permute(0, 3, 1, 2)
        maps = maps + torch.stack([convolution(maps) for convolution in self.depthwise]).mean(dim=0)
        maps = maps + self.pointwise(maps)
        result: Tensor = self.up_proj(self.dropout(F.gelu(maps)).permute(0, 2, 3, 1))
        return result
