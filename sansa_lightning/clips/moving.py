"""Dataclasses of tensors that move as a whole: to a device, or into pinned memory."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, is_dataclass, replace
from typing import Any, Self

import torch
from torch import Tensor


class Movable:
    """A dataclass whose tensors move together, also those nested in tuples and dataclasses."""

    __slots__ = ()

    def to(self, device: torch.device | str, non_blocking: bool = False) -> Self:
        """A copy with its tensors on ``device``.

        Args:
            device: the destination.
            non_blocking: do not wait for the copies; safe on the way from pinned memory to a GPU.
        """
        moved: Self = each_tensor(self, lambda tensor: tensor.to(device, non_blocking=non_blocking))
        return moved

    def pin_memory(self) -> Self:
        """A copy with its tensors in page-locked memory; DataLoader calls it."""
        pinned: Self = each_tensor(self, Tensor.pin_memory)
        return pinned


def each_tensor(value: Any, change: Callable[[Tensor], Tensor]) -> Any:
    """Apply ``change`` to a tensor, or to each tensor in tuples and dataclasses; anything else is kept."""
    if isinstance(value, Tensor):
        return change(value)
    if isinstance(value, tuple):
        return tuple(each_tensor(one, change) for one in value)
    if is_dataclass(value) and not isinstance(value, type):
        parts = {part.name: each_tensor(getattr(value, part.name), change) for part in fields(value)}
        return replace(value, **parts)
    return value
