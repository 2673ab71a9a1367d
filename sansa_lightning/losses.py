"""Losses on the logits of a clip, and their weighted sum.

SANSA's paper and FS-SAM2 train with BCE + Dice, SANSA's released code with Focal + Dice; all weigh the terms 1 : 1.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Literal, NamedTuple, get_args

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sansa_lightning.images.object_masks import IGNORE

Void = Literal["ignored", "background"]
"""Pixels of ``IGNORE``, such as the borders of PASCAL's objects: without influence, or background as in FS-SAM2."""


class Loss(nn.Module, ABC):
    """A scalar to minimise: the mean over clips of :meth:`per_clip`.

    It is computed in float32 even under autocast (float64 stays float64). Pixels of ``IGNORE`` have no influence unless
    ``void`` says so, and a clip with no others counts as 0. NaN is never dropped, unlike in SANSA's released code: a
    NaN logit gives a NaN loss.

    Args:
        weight: factor of this term in a :class:`WeightedSum`, finite and >= 0; ``forward`` does not apply it.
        void: "background" makes pixels of ``IGNORE`` background here; metrics still ignore them (docs/fs_sam2.md 4).
    """

    def __init__(self, weight: float = 1.0, void: Void = "ignored") -> None:
        super().__init__()
        if not (math.isfinite(weight) and weight >= 0):
            msg = f"{type(self).__name__}.weight: expected a finite number >= 0, but got {weight}"
            raise ValueError(msg)
        if void not in get_args(Void):
            msg = f"{type(self).__name__}.void: expected one of {', '.join(get_args(Void))}, but got {void!r}"
            raise ValueError(msg)
        self.weight = weight
        self.void = void

    def forward(self, logits: Tensor, masks: Tensor) -> Tensor:
        """The unweighted loss, a scalar.

        Args:
            logits: any float type, [B, F, H, W]: F supervised frames of each clip.
            masks: uint8 [B, F, H, W] in {0, 1, 255 = ignore}.

        Raises:
            ValueError: the shapes are not [B, F, H, W] or differ.
        """
        if logits.ndim != 4 or logits.shape != masks.shape:
            msg = (
                f"{type(self).__name__}: expected logits and masks of one shape [B, F, H, W], but got "
                f"{list(logits.shape)} and {list(masks.shape)}"
            )
            raise ValueError(msg)
        dtype = torch.promote_types(logits.dtype, torch.float32)
        truth, valid = (masks == 1).to(dtype), ((masks != IGNORE) | (self.void == "background")).to(dtype)
        with torch.autocast(logits.device.type, enabled=False):
            return self.per_clip(logits.to(dtype).flatten(1), truth.flatten(1), valid.flatten(1)).mean()

    @abstractmethod
    def per_clip(self, logits: Tensor, truth: Tensor, valid: Tensor) -> Tensor:
        """The loss of each clip, [B]; all frames of a clip are one row.

        Args:
            logits: float32 or float64 [B, F*H*W], like the other two.
            truth: 1 on foreground, 0 elsewhere.
            valid: 0 on pixels without influence, 1 elsewhere.
        """


class BCE(Loss):
    """Binary cross-entropy, the mean over the valid pixels of all frames of a clip (SANSA, paper)."""

    def per_clip(self, logits: Tensor, truth: Tensor, valid: Tensor) -> Tensor:
        """The mean cross-entropy of each clip, [B]."""
        return _mean(F.binary_cross_entropy_with_logits(logits, truth, reduction="none"), valid)


class Focal(Loss):
    """Focal loss (Lin et al. 2017, eq. 5), the mean over the valid pixels of all frames of a clip.

    Args:
        alpha: weight of foreground in [0, 1]; background has 1 - alpha. SANSA's released code: 0.25.
        gamma: discount of easy pixels: 0 (none) or >= 1. SANSA's released code: 2.
        weight: as in :class:`Loss`.
        void: likewise.
    """

    def __init__(self, alpha: float = 0.25, gamma: float = 2.0, weight: float = 1.0, void: Void = "ignored") -> None:
        super().__init__(weight, void)
        if not 0 <= alpha <= 1:
            msg = f"Focal.alpha: expected a number in [0, 1], but got {alpha}"
            raise ValueError(msg)
        # For gamma between 0 and 1, (1 - p_t)^gamma has no finite gradient at p_t = 1.
        if not (gamma == 0 or 1 <= gamma < math.inf):
            msg = f"Focal.gamma: expected 0 or a finite number >= 1, but got {gamma}"
            raise ValueError(msg)
        self.alpha = alpha
        self.gamma = gamma

    def per_clip(self, logits: Tensor, truth: Tensor, valid: Tensor) -> Tensor:
        """The mean focal loss of each clip, [B]."""
        from torchvision.ops import sigmoid_focal_loss

        return _mean(sigmoid_focal_loss(logits, truth, self.alpha, self.gamma), valid)


class Dice(Loss):
    """1 - (2 sum(p y) + s) / (sum p + sum y + s), all frames of a clip *jointly* (docs/sansa.md 3.1).

    Args:
        smooth: s > 0; the loss of an empty mask predicted as empty is 0.
        weight: as in :class:`Loss`.
        void: likewise.
    """

    def __init__(self, smooth: float = 1.0, weight: float = 1.0, void: Void = "ignored") -> None:
        super().__init__(weight, void)
        if not 0 < smooth < math.inf:
            msg = f"Dice.smooth: expected a finite number > 0, but got {smooth}"
            raise ValueError(msg)
        self.smooth = smooth

    def per_clip(self, logits: Tensor, truth: Tensor, valid: Tensor) -> Tensor:
        """The Dice loss of each clip, [B]."""
        probability = logits.sigmoid() * valid
        overlap = (probability * truth).sum(1)
        return 1 - (2 * overlap + self.smooth) / (probability.sum(1) + truth.sum(1) + self.smooth)


class SquaredDice(Loss):
    """1 - 2 sum(p y) / max(sum(p^2) + sum(y), 1e-8), all frames of a clip jointly (FSSAM; docs/fssam.md 7).

    As released, pixels of ``IGNORE`` are background here: void, and what a crop has beyond the picture.
    """

    def per_clip(self, logits: Tensor, truth: Tensor, valid: Tensor) -> Tensor:
        """The squared Dice loss of each clip, [B]."""
        probability = logits.sigmoid()
        squares = probability.square().sum(1) + truth.sum(1)
        return 1 - 2 * (probability * truth).sum(1) / squares.clamp(min=1e-8)


class LossValues(NamedTuple):
    """The result of a :class:`WeightedSum`.

    Attributes:
        total: scalar to call ``backward`` on.
        terms: the unweighted value of each term, detached, for logging.
    """

    total: Tensor
    terms: dict[str, Tensor]


class WeightedSum(nn.Module):
    """The sum of named losses, each times its own weight.

    A mapping, not a list, so that a command line can change one term: ``...losses.pixel.init_args.weight 2``.

    Args:
        terms: at least one loss; the names appear in the logs, so "total" is taken.
    """

    def __init__(self, terms: Mapping[str, Loss]) -> None:
        super().__init__()
        if not terms or "total" in terms:
            msg = f'WeightedSum.terms: expected at least one loss and none named "total", but got {list(terms)}'
            raise ValueError(msg)
        self.terms = nn.ModuleDict(terms)
        self.weights = {name: loss.weight for name, loss in terms.items()}

    def forward(self, logits: Tensor, masks: Tensor) -> LossValues:
        """The total and every term; arguments and errors as in :meth:`Loss.forward`."""
        values = {name: loss(logits, masks) for name, loss in self.terms.items()}
        total = torch.stack([self.weights[name] * value for name, value in values.items()]).sum()
        return LossValues(total, {name: value.detach() for name, value in values.items()})


def _mean(values: Tensor, valid: Tensor) -> Tensor:
    return (values * valid).sum(1) / valid.sum(1).clamp(min=1)
