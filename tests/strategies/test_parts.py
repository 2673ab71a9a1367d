"""Parts of a base: every parameter has its place, and what a kind of prompts doesn't use is found by experiment."""

from __future__ import annotations

import re
from collections import Counter

import pytest

from builders import frames, mask_prompt, nano
from sansa_lightning import Prompt
from sansa_lightning.data.prompts import (
    BoxPrompt,
    MaskPrompt,
    MultiPrompt,
    PointPrompt,
    Prompter,
    ScribblePrompt,
    WholeBoxPrompt,
)
from sansa_lightning.methods.propagation import Propagation
from sansa_lightning.methods.sansa import Sansa
from sansa_lightning.strategies.adaptformer import AdaptFormer
from sansa_lightning.strategies.compose import Compose
from sansa_lightning.strategies.finetune import FineTune
from sansa_lightning.strategies.from_scratch import FromScratch
from sansa_lightning.strategies.parts import PARTS, check_parts, part_parameters
from sansa_lightning.strategies.training_prompts import prompt_kinds
from sansa_lightning.trackers.zoo import Base

POINTS = Prompt.points([[30, 40], [50, 20], [5, 60]], [1, 1, 0])
BOX = Prompt.box([10, 12.5, 60, 70])
CHOSEN = r".*hypernetworks_mlps\.[123]\..*|.*k_proj\.bias"
"""Gradients of zero for other reasons: masks that no target took; a bias of all keys, which softmax does not see."""


@pytest.mark.parametrize("name", ["nano", "sam2_hiera_tiny", "sam2.1_hiera_tiny"])
def test_every_parameter_lies_in_one_part(name: str) -> None:
    sam = Base(name, weights=None).random()
    homes = Counter(name for part in PARTS if part != "qkv" for name in sam.in_part(part))
    assert homes == Counter(name for name, _ in sam.named_parameters())


def gradients(*prompts: Prompt) -> tuple[set[str], set[str]]:
    """Names of the parameters without any gradient, and of those with nothing but zeros, after one clip a prompt."""
    sam = nano()
    logits = Propagation()(sam, frames(len(prompts), 3), [[prompt] for prompt in prompts]).logits
    logits[:, 1:].square().mean().backward()
    absent = {name for name, parameter in sam.named_parameters() if parameter.grad is None}
    zero = {
        name
        for name, parameter in sam.named_parameters()
        if parameter.grad is not None and not parameter.grad.any() and not re.fullmatch(CHOSEN, name)
    }
    return absent, zero


def unused(prompts: str) -> set[str]:
    return {name for name, _ in nano().named_parameters() if re.fullmatch(Sansa().unused(prompts), name)}


def test_what_mask_prompts_leave_unused() -> None:
    absent, zero = gradients(mask_prompt())
    assert absent | zero == unused("mask")


def test_what_points_and_boxes_leave_unused() -> None:
    absent, zero = gradients(POINTS, POINTS)
    assert absent == unused("points")
    assert zero == {f"sam_prompt_encoder.point_embeddings.{corner}.weight" for corner in (2, 3)}
    absent, zero = gradients(BOX, BOX)
    assert absent == unused("points")
    assert zero == {f"sam_prompt_encoder.point_embeddings.{label}.weight" for label in (0, 1)}


def test_what_batches_of_mixed_prompts_may_leave_without_a_gradient() -> None:
    assert gradients(mask_prompt())[0] | gradients(POINTS)[0] == unused("mixed")


def test_parts_of_a_name_and_their_order() -> None:
    assert check_parts("full", "x") == tuple(part for part in PARTS if part != "qkv")
    assert check_parts(["mask_decoder", "neck"], "x") == ("neck", "mask_decoder")
    names = part_parameters(nano(), ["qkv"])
    assert len(names) == 2 * 7
    assert all(".attn.qkv." in name for name in names)


# --- prompts of the training clips ------------------------------------------------------------------------------------

KINDS = {"mask": frozenset({"mask"}), "points": frozenset({"points"}), "mixed": frozenset({"mask", "points"})}


@pytest.mark.parametrize(
    ("prompter", "kinds"),
    [
        (MaskPrompt(), "mask"),
        (PointPrompt(), "points"),
        (ScribblePrompt(), "points"),
        (BoxPrompt(), "points"),
        (WholeBoxPrompt(), "points"),
        (MultiPrompt(), "mixed"),
        (MultiPrompt([MaskPrompt()]), "mask"),
        (MultiPrompt([PointPrompt(), MultiPrompt([BoxPrompt()])]), "points"),
    ],
)
def test_kinds_that_a_prompter_draws(prompter: Prompter, kinds: str) -> None:
    assert prompt_kinds(prompter) == KINDS[kinds]


@pytest.mark.parametrize("data", KINDS)
@pytest.mark.parametrize("prompts", KINDS)
def test_prompts_of_the_strategy_are_those_of_the_data(prompts: str, data: str) -> None:
    """ "mixed" trains what any clip uses, so it fits all."""
    strategies = {"FineTune": FineTune("decoder", prompts), "FromScratch": FromScratch(prompts=prompts)}
    strategies["Compose"] = Compose([AdaptFormer(), FineTune("decoder", prompts)])
    for name, strategy in strategies.items():
        if prompts in (data, "mixed"):
            strategy.check_training_prompts(KINDS[data])
            continue
        said = {"mask": "mask", "points": "points", "mixed": "mask and points"}[data]
        owner = "FineTune" if name == "Compose" else name
        message = (
            rf"^{owner}\.prompts: expected '{data}', since data\.train_prompt annotates training clips by {said}, "
            rf"but got '{prompts}'$"
        )
        with pytest.raises(ValueError, match=message):
            strategy.check_training_prompts(KINDS[data])
    AdaptFormer().check_training_prompts(KINDS[data])
