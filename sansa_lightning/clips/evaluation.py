"""The additions of an evaluation to its clips: which are scored, at what size, and the data of the controls.

A method sees none of them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import torch
from torch import Tensor

from sansa_lightning.clips.batch import ClipBatch
from sansa_lightning.clips.clip import Clip
from sansa_lightning.clips.moving import Movable
from sansa_lightning.clips.objects import Objects

Stack = Callable[[Sequence[Any]], ClipBatch]
"""Makes a batch of clips: :meth:`ClipBatch.collate` of the class that fits."""


@dataclass(frozen=True, slots=True)
class Controls:
    """The data of a test's controls for one clip.

    Attributes:
        objects: the objects of each of the N targets, at the size of its score; None where the source does not know.
        wrong: the same targets after references of another class; None if there are none.
    """

    objects: tuple[Objects | None, ...]
    wrong: Clip | None


@dataclass(frozen=True, slots=True)
class EvaluationClip:
    """A clip of a validation, test or prediction.

    Attributes:
        clip: what a method segments.
        originals: uint8 masks of the N targets at the size of their own images, for scoring there; empty when scoring
            is at clip size.
        scored: False for a clip that only fills up a rank's share and must not be counted.
        controls: None if none were asked for.
        align_corners: how logits are resized to ``originals``, as in ``torch.nn.functional.interpolate``.
    """

    clip: Clip
    originals: tuple[Tensor, ...] = ()
    scored: bool = True
    controls: Controls | None = None
    align_corners: bool = False


@dataclass(frozen=True, slots=True)
class ControlBatch:
    """The data of a test's controls for a batch.

    Attributes:
        objects: B tuples, as in :class:`Controls`.
        paired: bool [B]; which clips also have a version with wrong references.
        wrong: these versions, in order, without controls; None if there are none.
    """

    objects: tuple[tuple[Objects | None, ...], ...]
    paired: Tensor
    wrong: EvaluationBatch | None


@dataclass(frozen=True, slots=True)
class EvaluationBatch(Movable):
    """Clips of a validation, test or prediction, stacked.

    Attributes:
        clips: what a method segments.
        originals: B tuples, as in :class:`EvaluationClip`.
        scored: bool [B].
        controls: None if none were asked for.
        align_corners: as in :class:`EvaluationClip`.
    """

    clips: ClipBatch
    originals: tuple[tuple[Tensor, ...], ...]
    scored: Tensor
    controls: ControlBatch | None = None
    align_corners: bool = False

    @classmethod
    def collate(cls, clips: Sequence[EvaluationClip], stack: Stack = ClipBatch.collate) -> EvaluationBatch:
        """Stack clips; either all of them or none have controls.

        Args:
            clips: with equal numbers of frames and references, and of equal size.
            stack: makes the batch that the methods see.

        Raises:
            ValueError: the clips differ in one of these.
        """
        return cls(
            clips=stack([one.clip for one in clips]),
            originals=tuple(one.originals for one in clips),
            scored=torch.tensor([one.scored for one in clips]),
            controls=_controls(clips, stack),
            align_corners=clips[0].align_corners,
        )


class Predicted(NamedTuple):
    """The prediction for a target.

    Attributes:
        mask: bool [H, W].
        score: IoU of the mask with its own probabilities, in [0, 1]: 1 where the model is sure of each pixel.
    """

    mask: Tensor
    score: float


def _controls(clips: Sequence[EvaluationClip], stack: Stack) -> ControlBatch | None:
    pairs = [(one, one.controls) for one in clips if one.controls is not None]
    if not pairs:
        return None
    wrong = [replace(one, clip=own.wrong, controls=None) for one, own in pairs if own.wrong is not None]
    return ControlBatch(
        objects=tuple(own.objects for _, own in pairs),
        paired=torch.tensor([own.wrong is not None for _, own in pairs]),
        wrong=EvaluationBatch.collate(wrong, stack) if wrong else None,
    )
