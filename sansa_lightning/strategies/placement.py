"""The place of an injected strategy: stages by number or by the paper's names, or single blocks."""

from __future__ import annotations

import logging
import re
from collections.abc import Sequence
from difflib import get_close_matches

from sansa_lightning.files.messages import counted
from sansa_lightning.strategies.base import STAGES, check_stages, placed_blocks
from sansa_lightning.trackers.base import Tracker

log = logging.getLogger(__name__)

Placement = Sequence[int] | str
"""Stages of the image encoder, 0 to 3, as a list; or a name of ``NAMED``; or blocks, as "blocks 0-2, 5"."""

Placed = tuple[int, ...] | str
"""A placement in its canonical form."""

NONE = "none"
NAMED: dict[str, tuple[int, ...]] = {"all": (0, 1, 2, 3), "early": (0, 1), "middle": (1, 2), "late": (2, 3)}
"""The stages in the rows of the paper's placement study (Table 3, right). There is also "none", no stage at all."""

_RANGE = r"\d{1,3} *(?:- *\d{1,3} *)?"
BLOCKS = re.compile(f"blocks? *({_RANGE}(?:, *{_RANGE})*)", re.ASCII)
"""Blocks up to 999, more than any encoder has, so that a typing error does not become a huge list."""


def check_placement(placement: Placement, owner: str) -> tuple[int, ...] | str:
    """The placement in its canonical form: stages ascending, "none", or "blocks 0-2, 5" ascending.

    >>> check_placement("late", "LoRA"), check_placement([3, 2], "LoRA"), check_placement("blocks 5,0-2, 1", "LoRA")
    ((2, 3), (2, 3), 'blocks 0-2, 5')

    Raises:
        ValueError: a stage that no encoder has, an unknown name, or a malformed list of blocks.
    """
    if not isinstance(placement, str):
        return check_stages(placement, owner)
    if placement == NONE:
        return NONE
    if placement in NAMED:
        return NAMED[placement]
    match = BLOCKS.fullmatch(placement.strip())
    if match is None or not (blocks := _numbers(match[1])):
        near = get_close_matches(placement, [NONE, *NAMED], n=1)
        msg = (
            f"{owner}.placement: expected stages as a list, {', '.join([NONE, *NAMED])}, or blocks as 'blocks 0-2, 5', "
            f"up to 999, but got {placement!r}{f'; did you mean {near[0]!r}?' if near else ''}"
        )
        raise ValueError(msg)
    return f"blocks {_ranges(blocks)}"


def blocks_of(tracker: Tracker, placement: tuple[int, ...] | str, owner: str) -> list[int]:
    """Numbers of the encoder blocks of a checked placement, ascending; they are also logged.

    Raises:
        ValueError: the base does not have a block.
    """
    if placement == NONE:
        log.warning("%s.placement is 'none': nothing is injected, and it trains nothing", owner)
        return []
    if not isinstance(placement, str):
        blocks = placed_blocks(tracker, placement)
    else:
        blocks = _numbers(placement.removeprefix("blocks "))
        _check_blocks(tracker, blocks, owner)
    log.info("%s is in %s: %s", owner, counted(len(blocks), "block"), _by_stage(tracker, blocks))
    return blocks


def _check_blocks(tracker: Tracker, blocks: list[int], owner: str) -> None:
    last = len(tracker.blocks()) - 1
    if absent := [block for block in blocks if block > last]:
        msg = (
            f"{owner}.placement: blocks {_ranges(absent)} do not exist; this base has blocks 0-{last} "
            f"({_by_stage(tracker, range(last + 1))}), the nearest is {last}"
        )
        raise ValueError(msg)


def _by_stage(tracker: Tracker, blocks: Sequence[int]) -> str:
    members = {stage: [block.number for block in tracker.blocks() if block.stage == stage] for stage in STAGES}
    placed = {stage: [number for number in numbers if number in blocks] for stage, numbers in members.items()}
    return "; ".join(f"stage {stage}: {_ranges(numbers)}" for stage, numbers in placed.items() if numbers)


def _numbers(text: str) -> list[int]:
    """From "0-2, 5" to [0, 1, 2, 5]; a reversed range is empty."""
    ends = [[int(end) for end in part.split("-")] for part in text.split(",")]
    return sorted({block for pair in ends for block in range(pair[0], pair[-1] + 1)})


def _ranges(blocks: Sequence[int]) -> str:
    """From [0, 1, 2, 5] to "0-2, 5"."""
    members = set(blocks)
    first = [block for block in blocks if block - 1 not in members]
    last = [block for block in blocks if block + 1 not in members]
    pairs = zip(first, last, strict=True)
    return ", ".join(str(start) if start == end else f"{start}-{end}" for start, end in pairs)
