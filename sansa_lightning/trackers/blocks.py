"""The blocks of an image encoder, as strategies see them."""

from __future__ import annotations

from typing import Any, NamedTuple

from torch import nn


class EncoderBlock(NamedTuple):
    """One block of the image encoder, as strategies see it.

    Attributes:
        number: from 0.
        stage: 0 to 3, from fine to coarse.
        name: the name of its module in the tracker.
        module: a transformer block on maps [F, H, W, C]: x + attention(norm(x)), then x + MLP(norm(x)).
        dim: channels in.
        dim_out: channels out.
        attn_name: the name in the block of what gives attention's result, before it is added to x.
        norm2_name: of the second norm, which reads x and whose result the MLP reads.
        mlp_name: of the MLP, whose result is added to x.
    """

    number: int
    stage: int
    name: str
    module: Any
    dim: int
    dim_out: int
    attn_name: str = "attn"
    norm2_name: str = "norm2"
    mlp_name: str = "mlp"

    @property
    def attn(self) -> nn.Module:
        """Gives attention's result, [..., C]."""
        return self._inside(self.attn_name)

    @property
    def norm2(self) -> nn.Module:
        """The norm between attention and MLP."""
        return self._inside(self.norm2_name)

    @property
    def mlp(self) -> nn.Module:
        """The MLP, [..., C] to [..., C]."""
        return self._inside(self.mlp_name)

    def _inside(self, name: str) -> nn.Module:
        module: nn.Module = self.module
        return module.get_submodule(name)
