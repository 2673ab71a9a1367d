"""AdaptFormer: a bottleneck beside the MLP of each encoder block (SANSA section 3.3; docs/sansa.md 2)."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, Literal

import torch
from torch import Tensor, nn

from sansa_lightning.strategies.base import Strategy
from sansa_lightning.strategies.checks import is_number, is_whole
from sansa_lightning.strategies.placement import Placement, blocks_of, check_placement
from sansa_lightning.strategies.switch import Switch
from sansa_lightning.trackers.base import EncoderBlock, Tracker

HiddenRule = Literal["released", "paper"]
Insertion = Literal["parallel", "sequential"]


class AdaptFormer(Strategy):
    """Adapters in chosen blocks; zero-initialised, so that attaching them does not change the base's results.

    Args:
        placement: stages of the image encoder, a name for them, or blocks; see ``placement.Placement``.
        factor: width of the bottleneck relative to the block.
        hidden_rule: "released": floor(factor x input width of the block), so the first block of a stage is half as
            wide (published weights need it); "paper": round(factor x output width), the same in the whole stage.
        scale: factor on the adapter's output.
        hidden: width of the bottleneck per block, instead of factor and rule; for files that fix it.
        layer_norm: whether the adapter normalises its input (released), or not (paper's formula).
        insertion: "parallel": x + MLP(norm2(x)) + adapter(x) (SANSA); "sequential": x + m + adapter(m) with
            m = MLP(norm2(x)) (the other form of the AdaptFormer paper).
    """

    def __init__(
        self,
        placement: Placement = (2, 3),
        factor: float = 0.3,
        hidden_rule: HiddenRule = "released",
        scale: float = 0.1,
        hidden: Mapping[int, int] | None = None,
        layer_norm: bool = True,
        insertion: Insertion = "parallel",
    ) -> None:
        self.placement = check_placement(placement, "AdaptFormer")
        if not is_number(factor) or not 0 < factor <= 4:
            msg = f"AdaptFormer.factor: expected a number in (0, 4], but got {factor!r}"
            raise ValueError(msg)
        if not is_number(scale):
            msg = f"AdaptFormer.scale: expected a finite number, but got {scale!r}"
            raise ValueError(msg)
        if hidden_rule not in ("released", "paper"):
            msg = f"AdaptFormer.hidden_rule: expected 'released' or 'paper', but got {hidden_rule!r}"
            raise ValueError(msg)
        pairs = hidden.items() if isinstance(hidden, Mapping) else [(hidden, None)]
        if hidden is not None and not all(is_whole(number) and is_whole(width) for number, width in pairs):
            msg = f"AdaptFormer.hidden: expected a width for each block, whole numbers, but got {hidden!r}"
            raise ValueError(msg)
        if insertion not in tuple(INSERTIONS):
            msg = f"AdaptFormer.insertion: expected {' or '.join(map(repr, INSERTIONS))}, but got {insertion!r}"
            raise ValueError(msg)
        self.factor = factor
        self.hidden_rule = hidden_rule
        self.scale = scale
        self.hidden = hidden
        self.layer_norm = layer_norm
        self.insertion = insertion

    def inject(self, tracker: Tracker) -> None:
        """Give each block of the placement an adapter, under the published name ``blocks.<i>.adapter``."""
        blocks = blocks_of(tracker, self.placement, "AdaptFormer")
        if self.hidden is not None and set(self.hidden) != set(blocks):
            msg = f"AdaptFormer.hidden: expected a width for each of the blocks {blocks}, but got {sorted(self.hidden)}"
            raise ValueError(msg)
        trunk = tracker.blocks()
        widths = {number: self.width(number, trunk[number].dim, trunk[number].dim_out) for number in blocks}
        if any(width < 1 for width in widths.values()):
            msg = f"AdaptFormer: expected bottlenecks of at least 1 channel, but got {widths} (block: channels)"
            raise ValueError(msg)
        for number, width in widths.items():
            block = trunk[number]
            block.module.adapter = Bottleneck(block.dim_out, width, self.scale, self.layer_norm)
            INSERTIONS[self.insertion](block, block.module.adapter)

    def width(self, number: int, dim: int, dim_out: int) -> int:
        """Width of the bottleneck in block ``number`` with ``dim`` channels in and ``dim_out`` out."""
        if self.hidden is not None:
            return self.hidden[number]
        if self.hidden_rule == "released":
            return int(self.factor * dim)
        return round(self.factor * dim_out)


class Bottleneck(Switch):
    """scale · up(ReLU(down(LayerNorm(x)))), or without the LayerNorm; starts as zero because ``up`` does."""

    def __init__(self, channels: int, hidden: int, scale: float, layer_norm: bool = True) -> None:
        super().__init__()
        self.scale = scale
        self.adapter_layer_norm_before = nn.LayerNorm(channels) if layer_norm else nn.Identity()
        self.down_proj = nn.Linear(channels, hidden)
        self.up_proj = nn.Linear(hidden, channels)
        nn.init.kaiming_uniform_(self.down_proj.weight, a=math.sqrt(5))
        for zero in (self.down_proj.bias, self.up_proj.weight, self.up_proj.bias):
            nn.init.zeros_(zero)
        self._residual: Tensor | None = None

    def forward(self, x: Tensor) -> Tensor:
        """The adapter's output; [..., C] to [..., C]."""
        hidden = torch.relu(self.down_proj(self.adapter_layer_norm_before(x)))
        result: Tensor = self.up_proj(hidden) * self.scale
        return result

    def read(self, _module: nn.Module, inputs: tuple[Any, ...]) -> None:
        """Keep the residual stream after attention, before ``norm2``."""
        if self.enabled:
            self._residual = inputs[0]

    def add(self, _module: nn.Module, _inputs: tuple[Any, ...], output: Tensor) -> Tensor:
        """The MLP's result plus the adapter's."""
        if not self.enabled:
            return output
        residual, self._residual = self._residual, None
        added: Tensor = output + self(residual)
        return added

    def follow(self, _module: nn.Module, _inputs: tuple[Any, ...], output: Tensor) -> Tensor:
        """A module's result plus the adapter's output for it."""
        followed: Tensor = output + self(output) if self.enabled else output
        return followed


def insert_beside_mlp(block: EncoderBlock, adapter: Bottleneck) -> None:
    """Hook an adapter into a block: it reads the input of norm2, and its output is added to the result of mlp."""
    adapter.on_input(block.norm2, adapter.read)
    adapter.on_output(block.mlp, adapter.add)


def insert_after_mlp(block: EncoderBlock, adapter: Bottleneck) -> None:
    """Hook an adapter into a block: it reads mlp's result, before that is added to the residual stream."""
    adapter.on_output(block.mlp, adapter.follow)


INSERTIONS: dict[str, Callable[[EncoderBlock, Bottleneck], None]] = {
    "parallel": insert_beside_mlp,
    "sequential": insert_after_mlp,
}
