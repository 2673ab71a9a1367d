"""The parameters that a strategy would train, found on a copy of the base without numbers, which takes no memory."""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn

from sansa_lightning.strategies.base import Strategy, Unused, all_used, trained_parameters
from sansa_lightning.trackers.base import Tracker


def would_train(strategy: Strategy, tracker: Tracker, unused: Unused = all_used) -> dict[str, nn.Parameter] | None:
    """The parameters that a strategy would train, by name, on the meta device.

    Args:
        strategy: not attached to anything else; one that keeps its modules could not be attached again.
        tracker: a base without a strategy.
        unused: see :meth:`Strategy.attach`.

    Returns:
        None for a strategy that reads the numbers of the base, and so cannot be tried.

    Raises:
        ValueError: the strategy does not fit the base.
    """
    bare = without_numbers(tracker)
    try:
        with torch.device("meta"):
            strategy.attach(bare, unused)
    except (NotImplementedError, RuntimeError):  # torch's refusals to read meta tensors
        return None
    return trained_parameters(bare)


def without_numbers(tracker: Tracker) -> Tracker:
    """A copy with its parameters and buffers on the meta device."""
    memo: dict[int, Tensor] = {id(each): each.detach().to("meta") for each in tracker.buffers()}
    for each in tracker.parameters():
        memo[id(each)] = nn.Parameter(each.detach().to("meta"), each.requires_grad)
    return copy.deepcopy(tracker, memo)
