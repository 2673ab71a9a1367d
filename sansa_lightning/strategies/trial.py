"""What a strategy would train on a base, found on a copy without numbers: the base is not touched, no memory taken."""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn

from sansa_lightning.strategies.base import Strategy, Unused, all_used, trained_parameters
from sansa_lightning.trackers.base import Tracker


def would_train(strategy: Strategy, tracker: Tracker, unused: Unused = all_used) -> dict[str, nn.Parameter] | None:
    """Names and, on the meta device, parameters that attaching a strategy would train.

    Args:
        strategy: one that is attached to nothing else, as one that keeps what it made could not be attached again.
        tracker: a base without a strategy.
        unused: see :meth:`Strategy.attach`.

    Returns:
        None for a strategy that cannot be tried in this way, since it reads the numbers of the base.

    Raises:
        ValueError: the strategy does not fit the base.
    """
    bare = without_numbers(tracker)
    try:
        with torch.device("meta"):
            strategy.attach(bare, unused)
    except (NotImplementedError, RuntimeError):  # how torch refuses to read what has no numbers
        return None
    return trained_parameters(bare)


def without_numbers(tracker: Tracker) -> Tracker:
    """A copy of which the parameters and buffers are on the meta device."""
    memo: dict[int, Tensor] = {id(each): each.detach().to("meta") for each in tracker.buffers()}
    for each in tracker.parameters():
        memo[id(each)] = nn.Parameter(each.detach().to("meta"), each.requires_grad)
    return copy.deepcopy(tracker, memo)
