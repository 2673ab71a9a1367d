"""Memories applied to groups of pictures: each is encoded once, all classes share calls of memory and decoder."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor

from sansa_lightning.annotate.memories import Memories, moved
from sansa_lightning.clips.prompt import Prompt
from sansa_lightning.methods.base import Answers, Looked

if TYPE_CHECKING:
    from sansa_lightning.model import FewShotModel


class Answered(NamedTuple):
    """The answers for one picture.

    Attributes:
        logits: of M classes, float32 [M, S, S].
        iou: predicted IoU, float32 [M].
        presence: see ``Found.presence``, float32 [M]; None unless asked for.
    """

    logits: Tensor
    iou: Tensor
    presence: Tensor | None


class Application:
    """Applies the memories of M classes to pictures.

    At most M + ``pairs_per_step`` masks of clip size exist at a time, however many classes and pictures there are.

    Args:
        model: that made the memories.
        memories: of the classes.
        pairs_per_step: pairs of a class and a picture that memory attention and decoder work on at a time.
        presence: whether to look back at the references: a second pass of memory attention and decoder, and the
            features of a reference of each class kept.
    """

    def __init__(self, model: FewShotModel, memories: Memories, pairs_per_step: int, presence: bool = False) -> None:
        self.model, self.memories = model, memories
        self.pairs_per_step, self.presence = pairs_per_step, presence
        dtype = next(model.base.parameters()).dtype
        self._own = [model.method.unpack(moved(each, model.device, dtype)) for each in memories.kept]

    def __call__(self, frames: Tensor) -> Iterator[Answered]:
        """The answers for each of G pictures, in their order; uint8 [G, 3, S, S]."""
        looked = self.model.method.look_at(self.model.base, frames.to(self.model.device))
        classes = len(self._own)
        pairs = [(memory, target) for target in range(len(frames)) for memory in range(classes)]
        waiting: list[Answered] = []
        for start in range(0, len(pairs), self.pairs_per_step):
            waiting.append(self.step(looked, pairs[start : start + self.pairs_per_step]))
            together = _joined(waiting)
            whole = len(together.logits) // classes * classes
            for first in range(0, whole, classes):
                yield _part(together, slice(first, first + classes))
            waiting = [_part(together, slice(whole, None))]

    def step(self, looked: Looked, pairs: Sequence[tuple[int, int]]) -> Answered:
        """The answers for P pairs of a class and a picture that the method has looked at, each [P, ...]."""
        found = self.model.method.answer(self.model.base, looked, self._own, pairs)
        return Answered(found.logits, found.iou, self.look_back(looked, pairs, found) if self.presence else None)

    def look_back(self, looked: Looked, pairs: Sequence[tuple[int, int]], found: Answers) -> Tensor:
        """IoU of the reference's mask with the one that a target's mask as a prompt brings back, float32 [P].

        A target without a mask brings back nothing.
        """
        presence, masks = torch.zeros_like(found.iou), found.logits > 0
        shown = masks.flatten(1).any(1).nonzero()[:, 0].tolist()
        if not shown:
            return presence
        method, base = self.model.method, self.model.base
        targets = torch.tensor([[pairs[place][1]] for place in shown], device=masks.device)
        memories = method.write(
            base, looked, targets, [[Prompt("mask", dense=masks[place].float())] for place in shown]
        )
        classes = [pairs[place][0] for place in shown]
        back = method.answer(base, self._examples, memories, list(enumerate(classes))).logits > 0
        truth = self.memories.masks.to(back.device)[classes]
        common, either = (each.flatten(1).sum(1) for each in (back & truth, back | truth))
        presence[shown] = (common / either.clamp(min=1)).to(presence)
        return presence

    @cached_property
    def _examples(self) -> Looked:
        """The first reference of each class."""
        return self.model.method.look_at(self.model.base, self.memories.frames.to(self.model.device))


def _joined(several: Sequence[Answered]) -> Answered:
    logits, iou, presence = zip(*several, strict=True)
    return Answered(torch.cat(logits), torch.cat(iou), None if presence[0] is None else torch.cat(presence))


def _part(answered: Answered, places: slice) -> Answered:
    presence = None if answered.presence is None else answered.presence[places]
    return Answered(answered.logits[places], answered.iou[places], presence)
