"""Losses against the formulas of docs/sansa.md 3.1, written out pixel by pixel in Python."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from jsonargparse import ArgumentParser
from torch import Tensor

from sansa_lightning.clips.prompt import IGNORE
from sansa_lightning.losses import BCE, Dice, Focal, Loss, SquaredDice, WeightedSum

B, F, H, W = 2, 3, 4, 5
ALL = [BCE(), Focal(), Focal(alpha=0.6, gamma=1.0), Focal(gamma=0.0), Dice(), Dice(smooth=0.1)]


@pytest.fixture
def clip() -> tuple[Tensor, Tensor]:
    """Float64 logits and masks with ignored pixels, a different number in each clip."""
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(B, F, H, W, generator=generator, dtype=torch.float64) * 3
    masks = torch.randint(0, 2, (B, F, H, W), generator=generator, dtype=torch.uint8)
    masks[0, 0, 0] = IGNORE
    masks[1, 2, :, 1:4] = IGNORE
    return logits, masks


def pixels(logits: Tensor, masks: Tensor) -> list[tuple[float, int]]:
    pairs = zip(logits.flatten().tolist(), masks.flatten().tolist(), strict=True)
    return [(1 / (1 + math.exp(-z)), y) for z, y in pairs if y != IGNORE]


def bce(clip: list[tuple[float, int]]) -> float:
    return sum(-math.log(p if y else 1 - p) for p, y in clip) / len(clip)


def focal(clip: list[tuple[float, int]], alpha: float, gamma: float) -> float:
    terms = [
        (alpha if y else 1 - alpha) * (1 - (p if y else 1 - p)) ** gamma * -math.log(p if y else 1 - p) for p, y in clip
    ]
    return sum(terms) / len(clip)


def dice(clip: list[tuple[float, int]], smooth: float) -> float:
    overlap = sum(p * y for p, y in clip)
    return 1 - (2 * overlap + smooth) / (sum(p for p, _ in clip) + sum(y for _, y in clip) + smooth)


def expected(loss: Loss, logits: Tensor, masks: Tensor) -> float:
    clips = [pixels(*clip) for clip in zip(logits, masks, strict=True)]
    match loss:
        case BCE():
            values = [bce(clip) for clip in clips]
        case Focal():
            values = [focal(clip, loss.alpha, loss.gamma) for clip in clips]
        case Dice():
            values = [dice(clip, loss.smooth) for clip in clips]
    return sum(values) / len(values)


@pytest.mark.parametrize("loss", ALL, ids=lambda loss: f"{type(loss).__name__}{vars(loss).get('gamma', '')}")
class TestEveryLoss:
    def test_formula(self, loss, clip):
        assert loss(*clip).item() == pytest.approx(expected(loss, *clip), rel=1e-12)

    def test_gradient(self, loss, clip):
        logits, masks = clip
        assert torch.autograd.gradcheck(lambda z: loss(z, masks), logits.requires_grad_())

    def test_ignored_pixels_have_no_influence(self, loss, clip):
        logits, masks = clip
        logits.requires_grad_()
        (gradient,) = torch.autograd.grad(loss(logits, masks), logits)
        assert (gradient[masks == IGNORE] == 0).all()
        assert (gradient[masks != IGNORE] != 0).all()
        changed = torch.where(masks == IGNORE, -logits, logits)
        assert loss(changed, masks).item() == loss(logits, masks).item()

    def test_clip_without_valid_pixels_counts_zero(self, loss, clip):
        logits, masks = clip
        alone = loss(logits[:1], masks[:1]).item()
        masks[1] = IGNORE
        assert loss(logits, masks).item() == pytest.approx(alone / 2, rel=1e-12)

    @pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
    def test_low_precision_is_computed_in_float32(self, loss, clip, dtype):
        logits, masks = clip[0].to(dtype).requires_grad_(), clip[1]
        with torch.autocast("cpu", dtype=torch.bfloat16):
            value = loss(logits, masks)
        assert value.dtype == torch.float32
        assert value.item() == pytest.approx(expected(loss, logits, masks), rel=1e-5)
        value.backward()
        assert logits.grad is not None
        assert logits.grad.isfinite().all()

    def test_saturated_logits_keep_finite_gradients(self, loss, clip):
        logits = (clip[0].float().sign() * 1e4).requires_grad_()
        value = loss(logits, clip[1])
        value.backward()
        assert value.isfinite()
        assert logits.grad is not None
        assert logits.grad.isfinite().all()

    def test_nan_is_not_hidden(self, loss, clip):
        logits, masks = clip
        logits[1, 0, 0, 0] = math.nan
        assert loss(logits, masks).isnan()

    def test_unequal_shapes(self, loss, clip):
        logits, masks = clip
        with pytest.raises(ValueError, match=r"one shape \[B, F, H, W\], but got \[2, 3, 4, 5\] and \[2, 4, 5\]"):
            loss(logits, masks[:, 0])


def test_dice_sees_the_frames_of_a_clip_jointly(clip):
    logits, masks = clip
    per_frame = Dice()(logits.flatten(0, 1)[:, None], masks.flatten(0, 1)[:, None])
    assert abs(Dice()(logits, masks).item() - per_frame.item()) > 1e-3


def test_dice_of_an_empty_mask_that_is_predicted_empty():
    assert Dice()(torch.full((1, 1, 4, 4), -200.0), torch.zeros(1, 1, 4, 4, dtype=torch.uint8)).item() == 0


def test_weighted_sum(clip):
    logits, masks = clip
    values = WeightedSum({"pixel": Focal(weight=20), "region": Dice(weight=0.5)})(logits.requires_grad_(), masks)
    pixel, region = expected(Focal(), logits, masks), expected(Dice(), logits, masks)
    assert values.total.item() == pytest.approx(20 * pixel + 0.5 * region, rel=1e-12)
    assert {name: term.item() for name, term in values.terms.items()} == pytest.approx(
        {"pixel": pixel, "region": region}, rel=1e-12
    )
    assert values.total.requires_grad
    assert not any(term.requires_grad for term in values.terms.values())


def test_weighted_sum_from_a_config_and_the_command_line(clip):
    parser = ArgumentParser(exit_on_error=False)
    parser.add_argument("--losses", type=dict[str, Loss])
    prefix = "sansa_lightning.losses."
    losses = {"pixel": {"class_path": prefix + "BCE"}, "region": {"class_path": prefix + "Dice"}}
    parser.set_defaults({"losses": losses})
    config = parser.parse_args(["--losses.region.init_args.weight=2", "--losses.pixel.init_args.weight=0.5"])
    total = WeightedSum(parser.instantiate(config).losses)(*clip).total
    assert total.item() == pytest.approx(0.5 * expected(BCE(), *clip) + 2 * expected(Dice(), *clip), rel=1e-12)


@pytest.mark.parametrize("kind", [BCE, Focal, Dice])
def test_void_can_be_background(kind, clip):
    """As in FS-SAM2 (docs/fs_sam2.md 4)."""
    logits, masks = clip
    plain = torch.where(masks == IGNORE, 0, masks)
    found = kind(void="background")(logits, masks)
    assert found.item() == pytest.approx(expected(kind(), logits, plain), rel=1e-12)
    assert abs(found.item() - kind()(logits, masks).item()) > 1e-3


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: BCE(weight=-1), r"BCE.weight: expected a finite number >= 0, but got -1"),
        (lambda: Dice(weight=math.nan), r"Dice.weight: expected a finite number >= 0, but got nan"),
        (lambda: BCE(void="none"), r"BCE.void: expected one of ignored, background, but got 'none'"),
        (lambda: Dice(smooth=0), r"Dice.smooth: expected a finite number > 0, but got 0"),
        (lambda: Focal(alpha=1.5), r"Focal.alpha: expected a number in \[0, 1\], but got 1.5"),
        (lambda: Focal(gamma=0.5), r"Focal.gamma: expected 0 or a finite number >= 1, but got 0.5"),
        (lambda: WeightedSum({}), r"at least one loss"),
        (lambda: WeightedSum({"total": BCE()}), r"none named \"total\", but got \['total'\]"),
    ],
)
def test_bad_arguments(build, message):
    with pytest.raises(ValueError, match=message):
        build()


def test_squared_dice_has_squares_below_and_takes_void_for_background():
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(2, 1, 4, 5, generator=generator)
    masks = torch.randint(0, 2, (2, 1, 4, 5), generator=generator, dtype=torch.uint8)
    masks[:, :, 0] = 255
    expected = []
    for each, mask in zip(logits.numpy(), masks.numpy(), strict=True):
        p, g = 1 / (1 + np.exp(-each)), (mask == 1).astype(float)
        expected.append(1 - 2 * (p * g).sum() / max((p**2).sum() + (g**2).sum(), 1e-8))
    assert SquaredDice()(logits, masks).item() == pytest.approx(np.mean(expected), abs=1e-6)
    assert SquaredDice()(logits, masks.where(masks == 1, 0)).item() == SquaredDice()(logits, masks).item()
    nothing = torch.full((1, 1, 2, 2), -200.0)
    assert SquaredDice()(nothing, torch.zeros(1, 1, 2, 2, dtype=torch.uint8)).isfinite()
