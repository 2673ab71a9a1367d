"""Few-shot IoU: counts summed per class over a run, divided once at the end (docs/sansa.md 4.11).

This is the number of the few-shot literature. Most segmentation libraries compute another one, the mean of per-image
IoUs. All values here are in [0, 1]; only tables print percent.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torchmetrics import Metric

from sansa_lightning.clips.episode import ClassId
from sansa_lightning.files.messages import counted
from sansa_lightning.images.object_masks import IGNORE

_NONE = torch.iinfo(torch.int64).min


class ClassScore(NamedTuple):
    """The score of one class.

    Attributes:
        class_id: its id.
        name: its name; the id as text if none was given.
        iou: foreground IoU in [0, 1]; 0 if the class was never drawn.
        targets: number of scored target masks.
    """

    class_id: ClassId
    name: str
    iou: float
    targets: int


class FewShotScores(NamedTuple):
    """The result of a :class:`FewShotIoU`.

    Attributes:
        miou: mean foreground IoU over all classes given, in [0, 1].
        fb_iou: mean over {background, foreground} of summed intersections / summed unions, in [0, 1].
        classes: one score for each class, in the order given.
    """

    miou: float
    fb_iou: float
    classes: tuple[ClassScore, ...]

    def as_plain(self) -> dict[str, Any]:
        """As plain values, for JSON."""
        return {**self._asdict(), "classes": [score._asdict() for score in self.classes]}

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> FewShotScores:
        """The scores that gave these plain values.

        Raises:
            KeyError: they are something else.
            TypeError: likewise.
        """
        return cls(plain["miou"], plain["fb_iou"], tuple(ClassScore(**score) for score in plain["classes"]))


def overlap_counts(prediction: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    """Intersection and union in pixels of each mask, int64 [N, 2]: background, foreground.

    Args:
        prediction: bool [N, H, W].
        target: uint8 [N, H, W] in {0, 1, 255}; pixels of 255 are left out of both counts.
    """
    valid = target != IGNORE
    truth = target == 1

    def pixels(mask: Tensor) -> Tensor:
        return mask.flatten(1).sum(1)

    foreground = pixels(prediction & truth)
    union = pixels((prediction & valid) | truth)
    total = pixels(valid)
    # A pixel in neither is background in both; one not in both is background in at least one.
    return torch.stack([total - union, foreground], 1), torch.stack([total - foreground, union], 1)


def few_shot_iou(intersection: Tensor, union: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """mIoU, FB-IoU and the foreground IoU of each class, float64 in [0, 1], from summed counts.

    Args:
        intersection: int64 [classes, 2]: background, foreground, in pixels.
        union: likewise. A class without any counts 0 in the mean.

    Example:
        >>> inter, union = torch.tensor([[6, 2], [0, 0]]), torch.tensor([[8, 4], [0, 0]])
        >>> [value.tolist() for value in few_shot_iou(inter, union)]
        [0.25, 0.625, [0.5, 0.0]]
    """
    iou = intersection[:, 1].double() / union[:, 1].clamp(min=1)
    both = intersection.sum(0).double() / union.sum(0).clamp(min=1)
    return iou.mean(), both.mean(), iou


class FewShotIoU(Metric):
    """mIoU, FB-IoU and per-class IoU of a run.

    The states are sums of whole numbers, so any split over batches or processes gives exactly the same scores.
    ``update`` never waits for the device; therefore only ``compute`` notices a mask of an unknown class.

    Args:
        classes: ids of the fold's classes, distinct, at least one. Classes never drawn count as 0.
        names: of the classes, in the same order.

    Raises:
        ValueError: from ``update``: shapes, types or lengths do not fit; from ``compute``: a scored mask
            had a class that is not among ``classes``.
    """

    is_differentiable = False
    higher_is_better = True
    full_state_update = False

    class_ids: Tensor
    intersection: Tensor
    union: Tensor
    targets: Tensor
    stray: Tensor

    def __init__(self, classes: Sequence[ClassId], names: Sequence[str] | None = None) -> None:
        super().__init__()
        if not classes or len(set(classes)) != len(classes):
            msg = f"FewShotIoU.classes: expected at least one class id, each once, but got {list(classes)}"
            raise ValueError(msg)
        if names is not None and len(names) != len(classes):
            msg = f"FewShotIoU.names: expected {counted(len(classes), 'name')}, one per class, but got {len(names)}"
            raise ValueError(msg)
        self.classes = tuple(classes)
        self.names = tuple(str(class_id) for class_id in classes) if names is None else tuple(names)
        self.register_buffer("class_ids", torch.tensor(self.classes), persistent=False)
        count = len(self.classes)
        self.add_state("intersection", torch.zeros(count, 2, dtype=torch.int64), dist_reduce_fx="sum")
        self.add_state("union", torch.zeros(count, 2, dtype=torch.int64), dist_reduce_fx="sum")
        self.add_state("targets", torch.zeros(count, dtype=torch.int64), dist_reduce_fx="sum")
        self.add_state("stray", torch.tensor(_NONE), dist_reduce_fx="max")

    def update(
        self,
        prediction: Tensor | Sequence[Tensor],
        target: Tensor | Sequence[Tensor],
        class_ids: Tensor,
        scored: Tensor | None = None,
    ) -> None:
        """Count N masks.

        Args:
            prediction: bool [N, H, W], or N masks [H, W] of different sizes.
            target: uint8 in {0, 1, 255 = ignore}, shaped like the prediction.
            class_ids: int64 [N].
            scored: bool [N]; False for masks that must not be counted. All are if None.
        """
        _check(prediction, target, class_ids)
        if isinstance(prediction, Tensor) and isinstance(target, Tensor):
            intersection, union = overlap_counts(prediction, target)
        else:
            each = [overlap_counts(p[None], t[None]) for p, t in zip(prediction, target, strict=True)]
            intersection, union = (torch.cat(counts) for counts in zip(*each, strict=True))
        wanted = torch.ones_like(class_ids, dtype=torch.bool) if scored is None else scored
        match = class_ids[:, None] == self.class_ids
        known = match.any(1)
        row = match.int().argmax(1)
        counted = (wanted & known).long()
        self.intersection = self.intersection.index_add(0, row, intersection * counted[:, None])
        self.union = self.union.index_add(0, row, union * counted[:, None])
        self.targets = self.targets.index_add(0, row, counted)
        self.stray = torch.maximum(self.stray, class_ids.where(wanted & ~known, _NONE).max())

    def compute(self) -> FewShotScores:
        """The scores of all masks counted since the last reset, over all processes."""
        stray = int(self.stray)
        if stray != _NONE:
            msg = f"FewShotIoU: a mask of class {stray} was scored, which is not among the classes {self.classes}"
            raise ValueError(msg)
        # On the CPU, since not every device has float64.
        miou, fb_iou, iou = few_shot_iou(self.intersection.cpu(), self.union.cpu())
        rows = zip(self.classes, self.names, iou.tolist(), self.targets.tolist(), strict=True)
        return FewShotScores(miou.item(), fb_iou.item(), tuple(ClassScore(*row) for row in rows))


def _check(prediction: Tensor | Sequence[Tensor], target: Tensor | Sequence[Tensor], class_ids: Tensor) -> None:
    if not len(prediction) == len(target) == len(class_ids) > 0:
        msg = (
            f"FewShotIoU.update: expected as many predictions as targets and class ids, at least one, but got "
            f"{len(prediction)}, {len(target)} and {len(class_ids)}"
        )
        raise ValueError(msg)
    for one, truth in zip(prediction, target, strict=True):
        if one.shape != truth.shape or one.ndim != 2 or (one.dtype, truth.dtype) != (torch.bool, torch.uint8):
            msg = (
                f"FewShotIoU.update: expected bool predictions and uint8 targets of equal shapes [H, W], but got "
                f"{one.dtype} {list(one.shape)} and {truth.dtype} {list(truth.shape)}"
            )
            raise ValueError(msg)
