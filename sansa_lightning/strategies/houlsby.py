"""Houlsby: a bottleneck after attention and one after the MLP of each encoder block (Houlsby et al., ICML 2019)."""

from __future__ import annotations

import math
from typing import Any

import torch.nn.functional as F
from torch import Tensor, nn

from sansa_lightning.strategies.base import Strategy
from sansa_lightning.strategies.checks import check_whole
from sansa_lightning.strategies.placement import Placement, blocks_of, check_placement
from sansa_lightning.strategies.switch import Switch
from sansa_lightning.trackers.base import Tracker


class Houlsby(Strategy):
    """Serial adapters, two per block: the "Adapter" row of the paper's Table 3.

    Each one reads the result of a sublayer before it is added to the residual stream, and has its own residual
    connection: m + up(GELU(down(m))). Both projections have biases. Unlike the original, ``up`` starts as zero, not as
    almost zero, so that attaching does not change the base's results; and the base's own norms stay frozen.

    Args:
        placement: stages of the image encoder, a name for them, or blocks; see ``placement.Placement``.
        width: channels of each bottleneck, the same in all blocks.
    """

    def __init__(self, placement: Placement = (2, 3), width: int = 64) -> None:
        self.placement = check_placement(placement, "Houlsby")
        self.width = check_whole(width, "Houlsby.width", what="channel")

    def inject(self, tracker: Tracker) -> None:
        """Give each block of the placement two adapters, ``blocks.<i>.houlsby.{after_attention,after_mlp}``."""
        for number in blocks_of(tracker, self.placement, "Houlsby"):
            block = tracker.blocks()[number]
            after_attention, after_mlp = (SerialAdapter(block.dim_out, self.width) for _ in range(2))
            block.module.houlsby = nn.ModuleDict({"after_attention": after_attention, "after_mlp": after_mlp})
            # Attention returns windows, before they are put together again: an adapter treats each token separately,
            # so it may act there. The padding of the last windows is cut off afterwards.
            after_attention.on_output(block.attn, after_attention.follow)
            after_mlp.on_output(block.mlp, after_mlp.follow)


class SerialAdapter(Switch):
    """m + up(GELU(down(m))); starts as the identity because ``up`` is zero."""

    def __init__(self, channels: int, width: int) -> None:
        super().__init__()
        self.down_proj = nn.Linear(channels, width)
        self.up_proj = nn.Linear(width, channels)
        nn.init.kaiming_uniform_(self.down_proj.weight, a=math.sqrt(5))
        for zero in (self.down_proj.bias, self.up_proj.weight, self.up_proj.bias):
            nn.init.zeros_(zero)

    def forward(self, m: Tensor) -> Tensor:
        """[..., C] to [..., C]."""
        change: Tensor = self.up_proj(F.gelu(self.down_proj(m)))
        return m + change

    def follow(self, _module: nn.Module, _inputs: tuple[Any, ...], output: Tensor) -> Tensor:
        """The adapted result of the preceding sublayer."""
        adapted: Tensor = self(output) if self.enabled else output
        return adapted
