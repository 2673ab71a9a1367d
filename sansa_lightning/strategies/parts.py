"""Parts of a tracker by name, and the kinds of prompts in their training clips."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches
from typing import Literal, get_args

from torch import nn

from sansa_lightning.trackers.base import PARTS, Tracker

SETS: dict[str, tuple[str, ...]] = {
    "full": ("trunk", "neck", "memory_attention", "memory_encoder", "prompt_encoder", "mask_decoder"),
    "backbone": ("trunk",),
    "decoder": ("mask_decoder",),
}
"""Rows of the paper's fine-tuning study (Table 3, left)."""

PromptKinds = Literal["mask", "points", "mixed"]
"""The prompts of the training clips' references: masks only; points and boxes only; or any of them."""

PROMPTS = get_args(PromptKinds)


def check_parts(parts: Sequence[str] | str, owner: str) -> tuple[str, ...]:
    """Named parts and sets as parts, in the order of ``PARTS``.

    >>> check_parts("decoder", "FineTune"), check_parts(["neck", "backbone"], "FineTune")
    (('mask_decoder',), ('trunk', 'neck'))

    Raises:
        ValueError: no name, or an unknown one.
    """
    asked = list(parts) if isinstance(parts, Sequence) and not isinstance(parts, str) else [parts]
    if unknown := [name for name in asked if not isinstance(name, str) or name not in {*PARTS, *SETS}]:
        near = [close for name in unknown for close in get_close_matches(str(name), [*PARTS, *SETS], n=1)]
        msg = (
            f"{owner}.parts: expected some of {', '.join([*PARTS, *SETS])}, but got {unknown}"
            f"{f'; nearest {near}' if near else ''}"
        )
        raise ValueError(msg)
    if not asked:
        msg = f"{owner}.parts: expected at least one of {', '.join([*PARTS, *SETS])}, but got none"
        raise ValueError(msg)
    named = {part for name in asked for part in SETS.get(name, (name,))}
    return tuple(part for part in PARTS if part in named)


def check_prompts(prompts: str, owner: str) -> None:
    """Refuse an unknown kind of prompts.

    Raises:
        ValueError: names the known ones.
    """
    if not isinstance(prompts, str) or prompts not in PROMPTS:
        msg = f"{owner}.prompts: expected one of {', '.join(PROMPTS)}, but got {prompts!r}"
        raise ValueError(msg)


def check_prompts_used(prompts: PromptKinds, kinds: frozenset[str], owner: str) -> None:
    """Refuse training clips whose references have prompts other than ``prompts``.

    Parameters that such clips use would stay frozen, and others would train without a gradient. "mixed" fits all.

    Args:
        prompts: the strategy's argument.
        kinds: the prompts of the references: "mask", "points" or both.
        owner: the strategy's class.

    Raises:
        ValueError: says what would be right.
    """
    (right,) = kinds if len(kinds) == 1 else ("mixed",)
    if prompts not in (right, "mixed"):
        msg = (
            f"{owner}.prompts: expected {right!r}, since data.train_prompt annotates training clips by "
            f"{' and '.join(sorted(kinds))}, but got {prompts!r}"
        )
        raise ValueError(msg)


def part_parameters(tracker: Tracker, parts: Sequence[str]) -> dict[str, nn.Parameter]:
    """The parameters of ``parts`` by name."""
    wanted = {name for part in parts for name in tracker.in_part(part)}
    return {name: parameter for name, parameter in tracker.named_parameters() if name in wanted}
