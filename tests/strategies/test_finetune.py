"""Fine-tuning: sizes beside the paper's, modes, messages."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from builders import UNUSED, nano
from sansa_lightning.strategies.base import trained_parameters
from sansa_lightning.strategies.finetune import FineTune
from sansa_lightning.trackers.zoo import Base

if TYPE_CHECKING:
    from sansa_lightning.trackers.base import Tracker


@pytest.fixture(scope="module")
def large() -> Tracker:
    return Base("sam2_hiera_large", weights=None).random()


@pytest.mark.parametrize(
    ("parts", "paper", "ours"),
    [
        ("decoder", 4e6, 4_007_968),
        ("qkv", 50e6, 50_843_808),
        ("backbone", 210e6, 212_149_296),
        ("full", 224e6, 224_023_821),
    ],
)
def test_sizes_on_large_are_those_of_the_paper(large: Tracker, parts: str, paper: float, ours: int) -> None:
    large.requires_grad_(False)
    FineTune(parts).put_on(large, UNUSED)
    count = sum(parameter.numel() for parameter in trained_parameters(large).values())
    assert count == ours
    assert count == pytest.approx(paper, rel=0.02)


def test_what_full_leaves_out_on_large(large: Tracker) -> None:
    """The IoU head, the MLP of the single-mask token, four point embeddings and two embeddings "without memory"."""
    iou_head = 2 * (256 * 256 + 256) + 256 * 4 + 4
    single_mask = 2 * (256 * 256 + 256) + 256 * 32 + 32
    total = sum(parameter.numel() for parameter in large.parameters())
    assert total - (iou_head + single_mask + 4 * 256 + 2 * 256) == 224_023_821


def test_dropout_of_memory_attention_is_active_when_it_trains() -> None:
    for parts, active in (("full", True), ("memory_attention", True), ("decoder", False)):
        sam, strategy = nano(), FineTune(parts)
        strategy.attach(sam, UNUSED)
        strategy.train(sam, True)
        assert all(module.training is active for module in sam.memory_attention.modules())
        strategy.train(sam, False)
        assert not any(module.training for module in sam.modules())


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"parts": 3}, r"FineTune\.parts: expected some of trunk, .*, but got \[3\]"),
        ({"prompts": ["mask"]}, r"FineTune\.prompts: expected one of mask, points, mixed, but got \['mask'\]"),
        ({"parts": "decodr"}, r"FineTune\.parts: expected some of .* but got \['decodr'\]; nearest \['decoder'\]"),
        ({"parts": ["neck", "head"]}, r"FineTune\.parts: .* but got \['head'\]"),
        ({"parts": []}, r"FineTune\.parts: expected at least one of trunk, .*, but got none"),
        ({"prompts": "scribble"}, r"FineTune\.prompts: expected one of mask, points, mixed, but got 'scribble'"),
    ],
)
def test_settings_that_are_not_there(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        FineTune(**settings)


def test_prompts_decide_what_of_a_part_trains() -> None:
    names = {}
    for prompts in ("mask", "points", "mixed"):
        sam = nano()
        FineTune("prompt_encoder", prompts).attach(sam, UNUSED)
        names[prompts] = {name.split(".")[1] for name in trained_parameters(sam)}
    always = {"not_a_point_embed", "no_mask_embed"}
    assert names["mask"] == always | {"mask_downscaling", "weight", "bias"}
    assert names["points"] == names["mixed"] == always | {"point_embeddings"}
