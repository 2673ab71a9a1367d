"""What was found in a picture: from a model's logits to masks of its own size."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from sansa_lightning.annotate.application import Answered
from sansa_lightning.images.pictures import resize_logits

Overlap = Literal["keep", "highest"]
"""Pixels that several classes claim: all of them keep it, or the one with the highest logit has it."""


@dataclass(frozen=True)
class Found:
    """The masks of M classes in a picture.

    Attributes:
        names: of the classes.
        masks: bool [M, H, W], of the size of the picture; empty for a class that was not found.
        scores: IoU of each mask with the truth as the model predicts it, float32 [M], in [0, 1].
        presence: how well each mask, as a prompt, brings back the mask of the class's first reference: their IoU,
            float32 [M]; None unless asked for.
    """

    names: tuple[str, ...]
    masks: NDArray[np.bool_]
    scores: NDArray[np.float32]
    presence: NDArray[np.float32] | None = None


def found_in(
    size: tuple[int, int], names: tuple[str, ...], answered: Answered, overlap: Overlap, min_score: float
) -> Found:
    """What was found in a picture of a size (H, W); arguments as for ``Segmenter.annotate``."""
    scores = answered.iou.float().cpu().numpy()
    presence = None if answered.presence is None else answered.presence.float().cpu().numpy()
    wanted = (scores if presence is None else presence) >= min_score
    return Found(names, masks_of(answered.logits, size, overlap, wanted.tolist()), scores, presence)


def masks_of(logits: Tensor, size: tuple[int, int], overlap: Overlap, wanted: Sequence[bool]) -> NDArray[np.bool_]:
    """Masks of M classes in a picture, bool [M, H, W].

    Args:
        logits: float32 [M, S, S]; above 0 is foreground.
        size: (H, W) of the picture.
        overlap: see :data:`Overlap`.
        wanted: of each class; others claim no pixel.
    """
    masks = np.zeros((len(logits), *size), bool)
    highest: NDArray[np.float32] = np.zeros(size, np.float32)
    for number, own in enumerate(logits):  # one at a time: an original has millions of pixels
        if not wanted[number]:
            continue
        full = resize_logits(own, size).cpu().numpy()
        claimed = full > (highest if overlap == "highest" else 0)
        if overlap == "highest":
            masks[:number, claimed] = False
            highest[claimed] = full[claimed]
        masks[number] = claimed
    return masks


def check_overlap(overlap: str) -> Overlap:
    """The option, checked.

    Raises:
        ValueError: it is none.
    """
    for known in get_args(Overlap):
        if overlap == known:
            return known
    msg = f"overlap: expected 'keep' or 'highest', but got {overlap!r}"
    raise ValueError(msg)
