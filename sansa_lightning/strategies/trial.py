"""What a strategy would train on a base, found on a copy without numbers: the base is not touched, no memory taken."""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn

from sansa_lightning.sam2.types import SAM2Base
from sansa_lightning.strategies.base import Strategy, trained_parameters


def would_train(strategy: Strategy, sam: SAM2Base) -> dict[str, nn.Parameter] | None:
    """Names and, on the meta device, parameters that attaching a strategy would train.

    Args:
        strategy: one that is attached to nothing else, as one that keeps what it made could not be attached again.
        sam: a base without a strategy.

    Returns:
        None for a strategy that cannot be tried in this way, since it reads the numbers of the base.

    Raises:
        ValueError: the strategy does not fit the base.
    """
    bare = without_numbers(sam)
    try:
        with torch.device("meta"):
            strategy.attach(bare)
    except (NotImplementedError, RuntimeError):  # how torch refuses to read what has no numbers
        return None
    return trained_parameters(bare)


def without_numbers(sam: SAM2Base) -> SAM2Base:
    """A copy of which the parameters and buffers are on the meta device."""
    memo: dict[int, Tensor] = {id(each): each.detach().to("meta") for each in sam.buffers()}
    for each in sam.parameters():
        memo[id(each)] = nn.Parameter(each.detach().to("meta"), each.requires_grad)
    return copy.deepcopy(sam, memo)
