"""The rules by which a map of likeness becomes a mask."""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch import Tensor

from sansa_lightning.strategies.checks import is_number

SPREAD = 1e-5
"""A map whose values differ by no more than this counts as constant: rounding alone would divide it."""


class Threshold(ABC):
    """From a map of likeness to the value above which a cell is foreground."""

    @abstractmethod
    def __call__(self, maps: Tensor) -> Tensor:
        """One value for each map, float32 [N].

        Args:
            maps: cosines, float32 [N, h, w], in [-1, 1].
        """


class Fixed(Threshold):
    """The same value for every map.

    Args:
        value: a cosine, in [-1, 1).

    Raises:
        ValueError: it is out of its range.
    """

    def __init__(self, value: float = 0.5) -> None:
        if not is_number(value) or not -1 <= value < 1:
            msg = f"Fixed.value: expected a cosine in [-1, 1), but got {value!r}"
            raise ValueError(msg)
        self.value = value

    def __call__(self, maps: Tensor) -> Tensor:
        """See :meth:`Threshold.__call__`."""
        return maps.new_full(maps.shape[:1], self.value)


class Otsu(Threshold):
    """The value that divides a map's own cells into two groups with the least variance inside them (Otsu, 1979).

    It is found among the sorted values themselves, without a histogram, and lies midway between the two groups. A map
    of equal values is not divided: nothing lies above its threshold.
    """

    def __call__(self, maps: Tensor) -> Tensor:
        """See :meth:`Threshold.__call__`."""
        values = maps.flatten(1).double().sort(dim=1).values
        lowest, highest = values[:, 0], values[:, -1]
        if values.shape[1] < 2:
            return highest.to(maps)
        count = torch.arange(1, values.shape[1], device=values.device)  # of cells in the lower group
        centred = values - values.mean(dim=1, keepdim=True)
        # Least variance inside the groups is largest variance between them, which is this, up to a factor.
        between = centred.cumsum(dim=1)[:, :-1].square() / (count * (values.shape[1] - count))
        last = between.masked_fill(values[:, 1:] == values[:, :-1], -1).argmax(dim=1, keepdim=True)
        below, above = (values.gather(1, each)[:, 0].to(maps) for each in (last, last + 1))
        middle = (below + above) / 2
        divided = torch.where(middle < above, middle, below)  # neighbouring numbers have none in between
        return torch.where(highest - lowest > SPREAD, divided, highest.to(maps))
