"""A bias on the scores of SAM 2's memory attention, without a copy of its code."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any

import torch.nn.functional as F
from torch import nn
from torch.overrides import TorchFunctionMode

from sansa_lightning.trackers.base import AttentionBias


class _Biased(TorchFunctionMode):
    """Gives torch's fused attention a bias while one of the chosen modules runs."""

    def __init__(self, bias: AttentionBias) -> None:
        super().__init__()
        self.bias = bias
        self.active = False

    def begin(self, *_: object) -> None:
        """A chosen module begins."""
        self.active = True

    def end(self, *_: object) -> None:
        """A chosen module ends."""
        self.active = False

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        """Call ``func``; attention gets the bias."""
        given = dict(kwargs or {})
        if self.active and func is F.scaled_dot_product_attention:
            query, key = args[:2]
            self.active = False  # the bias may use attention itself
            bias = self.bias(query, key).to(query.dtype)
            given["attn_mask"] = bias.expand(*query.shape[:-1], key.shape[-2])
            self.active = True
        return func(*args, **given)


@contextmanager
def biased(modules: Iterable[nn.Module], bias: AttentionBias) -> Iterator[None]:
    """While the block runs, attention scores inside ``modules`` get the bias; fused kernels stay fused."""
    mode = _Biased(bias)
    with ExitStack() as stack:
        for module in modules:
            for hook in (module.register_forward_pre_hook(mode.begin), module.register_forward_hook(mode.end)):
                stack.callback(hook.remove)
        stack.enter_context(mode)
        yield
