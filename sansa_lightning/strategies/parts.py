"""Parts of a SAM2, by name, and which of their parameters plain propagation never uses."""

from __future__ import annotations

import re
from collections.abc import Sequence
from difflib import get_close_matches
from typing import Literal

from torch import nn

from sansa_lightning.sam2.types import SAM2Base

PARTS: dict[str, str] = {
    "trunk": r"image_encoder\.trunk\..*",
    "neck": r"image_encoder\.neck\..*",
    "qkv": r"image_encoder\.trunk\.blocks\.\d+\.attn\.qkv\..*",
    "memory_attention": r"memory_attention\..*|no_mem_embed|no_mem_pos_enc",
    "memory_encoder": r"memory_encoder\..*|maskmem_tpos_enc",
    "prompt_encoder": r"sam_prompt_encoder\..*|mask_downsample\..*",
    "mask_decoder": r"sam_mask_decoder\..*|obj_ptr_proj\..*|obj_ptr_tpos_proj\..*",
}
"""Patterns of parameter names. All but "qkv", which lies in the trunk, share out every parameter of a base: the loose
tensors of SAM2Base go with the part that reads them (memory attention, memories) or writes them (object pointers)."""

SETS: dict[str, tuple[str, ...]] = {
    "full": ("trunk", "neck", "memory_attention", "memory_encoder", "prompt_encoder", "mask_decoder"),
    "backbone": ("trunk",),
    "decoder": ("mask_decoder",),
}
"""Rows of the paper's fine-tuning study (Table 3, left)."""

PromptKinds = Literal["mask", "points", "mixed"]
"""What annotates the references of the training clips: masks only; points and boxes only; or any of them."""

NEVER_USED = r"sam_mask_decoder\.iou_prediction_head\..*|no_mem_pos_enc"
"""No loss depends on them: predicted IoUs only choose a mask, and the conditioned path has no need of the other."""

NOT_USED_WITH: dict[str, str] = {
    "mask": (
        r"no_mem_embed|sam_prompt_encoder\.point_embeddings\..*"
        # Of the single-mask token: answers to references only, which a mask prompt replaces before they are remembered.
        r"|sam_mask_decoder\.output_hypernetworks_mlps\.0\..*"
    ),
    "points": r"mask_downsample\..*|sam_prompt_encoder\.mask_downscaling\..*",
    "mixed": r"no_mem_embed|mask_downsample\..*|sam_prompt_encoder\.mask_downscaling\..*",
}
"""What clips do without, by the prompts of their references; with "mixed", what some batch may do without."""


def check_parts(parts: Sequence[str] | str, owner: str) -> tuple[str, ...]:
    """Named parts and sets as parts, in the order of ``PARTS``.

    >>> check_parts("decoder", "FineTune"), check_parts(["neck", "backbone"], "FineTune")
    (('mask_decoder',), ('trunk', 'neck'))

    Raises:
        ValueError: nothing asked for, or an unknown name.
    """
    asked = list(parts) if isinstance(parts, Sequence) and not isinstance(parts, str) else [parts]
    if unknown := [name for name in asked if not isinstance(name, str) or name not in PARTS.keys() | SETS.keys()]:
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
    """Refuse a kind of prompts that there is not.

    Raises:
        ValueError: names those that there are.
    """
    if not isinstance(prompts, str) or prompts not in NOT_USED_WITH:
        msg = f"{owner}.prompts: expected one of {', '.join(NOT_USED_WITH)}, but got {prompts!r}"
        raise ValueError(msg)


def check_prompts_used(prompts: PromptKinds, kinds: frozenset[str], owner: str) -> None:
    """Refuse training clips whose references are annotated otherwise than ``prompts`` says.

    What such clips use would stay frozen, and what they don't use would train without a gradient. "mixed" fits all.

    Args:
        prompts: the strategy's argument.
        kinds: what annotates the references, "mask", "points" or both.
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


def part_parameters(sam: SAM2Base, parts: Sequence[str], prompts: PromptKinds) -> dict[str, nn.Parameter]:
    """Name and parameter of what ``parts`` consist of, without what training with ``prompts`` does not use.

    A parameter without a gradient would stop distributed training (or need a search for such parameters in every
    step), and weight decay would shrink it.
    """
    wanted = re.compile("|".join(PARTS[part] for part in parts))
    unused = re.compile(f"{NEVER_USED}|{NOT_USED_WITH[prompts]}")
    return {
        name: parameter
        for name, parameter in sam.named_parameters()
        if wanted.fullmatch(name) and not unused.fullmatch(name)
    }
