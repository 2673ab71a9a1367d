"""Does a few-shot score depend on the reference? Three controls, counted on the same targets.

A score alone may come from salience: a model that always segments salient objects gets one too.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torchmetrics import Metric

from sansa_lightning.clips.batch import ClipBatch
from sansa_lightning.clips.episode import ClassId
from sansa_lightning.clips.evaluation import EvaluationBatch
from sansa_lightning.clips.objects import Objects
from sansa_lightning.metrics.few_shot_iou import FewShotIoU, FewShotScores
from sansa_lightning.metrics.scoring import ScoredTargets

Segment = Callable[[ClipBatch], Tensor]
"""A model: from clips to the logits of their targets, float32 [B, N, H, W]."""

_ONE = 1 << 40
"""Shares are summed as whole multiples of this fraction, so that any split over processes gives the same sum."""


_ALIKE = 1e-10
"""Mean probabilities that differ by less count as equal; the difference is rounding."""


class ControlScores(NamedTuple):
    """Scores on one list of targets, in [0, 1]; None for a score that does not exist, as in a pool of a single class.

    Attributes:
        wrong_miou: mIoU after references of a class that the target does not show, by the target's own class.
        margin: the semantic margin: mIoU after the right references minus ``wrong_miou``, over the same targets.
        everything_miou: mIoU of the mask of all objects.
        choice: share of targets whose object with the highest mean probability belongs to the class; ties share.
        choice_chance: the same for a random guess among the objects.
    """

    wrong_miou: float | None
    margin: float | None
    everything_miou: float | None
    choice: float | None
    choice_chance: float | None


class ControlledIoU(nn.Module):
    """The score of a model and, on batches with the data for them, its controls.

    Args:
        classes: as for :class:`FewShotIoU`.
        names: likewise.
        cut: logit above which a pixel is foreground.
        more: further metrics by name; each is updated with a target's prediction, bool [H, W], its truth, uint8
            [H, W] in {0, 1, 255}, and its class, and computes a number.
    """

    def __init__(
        self,
        classes: Sequence[ClassId],
        names: Sequence[str] | None = None,
        cut: float = 0.0,
        more: Mapping[str, Metric] | None = None,
    ) -> None:
        super().__init__()
        self.score = FewShotIoU(classes, names)
        self.controls = ControlMetrics(classes, names, cut)
        self.more: Any = nn.ModuleDict(dict(more or {}))
        self.cut = cut

    def update(self, segment: Segment, batch: EvaluationBatch) -> Tensor:
        """Segment and count a batch, and its wrong clips if there are any; returns the logits of the right ones."""
        logits = segment(batch.clips)
        targets = ScoredTargets.of(batch, logits)
        self.score.update(targets.masks(self.cut), targets.truths, targets.class_ids, targets.scored)
        self._update_more(targets)
        if batch.controls is not None:
            self.controls.count_right(targets)
            wrong = batch.controls.wrong
            if wrong is not None:
                self.controls.count_wrong(ScoredTargets.of(wrong, segment(wrong.clips)))
        return logits

    def _update_more(self, targets: ScoredTargets) -> None:
        rows = zip(targets.masks(self.cut), targets.truths, targets.class_ids.tolist(), targets.scored, strict=True)
        for mask, truth, class_id, scored in rows if self.more else ():
            for metric in self.more.values():
                if scored:
                    metric.update(mask, truth, class_id)

    def compute_more(self) -> dict[str, float]:
        """The further metrics by name, over all processes."""
        return {name: float(metric.compute()) for name, metric in self.more.items()}

    def compute(self) -> tuple[FewShotScores, ControlScores]:
        """Score and controls of all targets counted since the last reset, over all processes."""
        return self.score.compute(), self.controls.compute()

    def reset(self) -> None:
        """Forget what was counted."""
        self.score.reset()
        self.controls.reset()
        for metric in self.more.values():
            metric.reset()


class ControlMetrics(nn.Module):
    """Counts the controls of a test; each is a metric of its own, summed over processes.

    Args:
        classes: as for :class:`FewShotIoU`.
        names: likewise.
        cut: logit above which a pixel is foreground.
    """

    def __init__(self, classes: Sequence[ClassId], names: Sequence[str] | None = None, cut: float = 0.0) -> None:
        super().__init__()
        self.cut = cut
        self.right, self.wrong, self.everything = (FewShotIoU(classes, names) for _ in range(3))
        self.choice = ChoiceAccuracy()

    def count_right(self, targets: ScoredTargets) -> None:
        """Count targets after their right references."""
        self._count(self.right, targets, targets.scored & targets.paired)
        shown = [objects for objects in targets.objects if objects is not None]
        if len(shown) == len(targets.objects):  # a source knows the objects of all its images or of none
            everything = [objects.instances > 0 for objects in shown]
            self.everything.update(everything, targets.truths, targets.class_ids, targets.scored)
            self.choice.update(targets.logits, shown, targets.class_ids, targets.scored)

    def count_wrong(self, targets: ScoredTargets) -> None:
        """Count targets after wrong references."""
        self._count(self.wrong, targets, targets.scored)

    def compute(self) -> ControlScores:
        """The scores of all targets counted since the last reset, over all processes."""
        right, wrong, everything = (_counted(metric) for metric in (self.right, self.wrong, self.everything))
        choice, chance = self.choice.compute()
        return ControlScores(
            wrong_miou=wrong,
            margin=None if right is None or wrong is None else right - wrong,
            everything_miou=everything,
            choice=choice,
            choice_chance=chance,
        )

    def reset(self) -> None:
        """Forget what was counted."""
        for metric in (self.right, self.wrong, self.everything, self.choice):
            metric.reset()

    def _count(self, metric: FewShotIoU, targets: ScoredTargets, scored: Tensor) -> None:
        metric.update(targets.masks(self.cut), targets.truths, targets.class_ids, scored)


class ChoiceAccuracy(Metric):
    """Does the most covered object in a target belong to the class? Equally covered objects share the choice.

    An object counts if it has a pixel at the size of the score, a target if an object of its class counts. Every state
    is a whole number, so any split over batches or processes gives the same scores.
    """

    is_differentiable = False
    higher_is_better = True
    full_state_update = False

    hits: Tensor
    chances: Tensor
    targets: Tensor

    def __init__(self) -> None:
        super().__init__()
        for state in ("hits", "chances", "targets"):
            self.add_state(state, torch.zeros((), dtype=torch.int64), dist_reduce_fx="sum")

    def update(self, logits: Sequence[Tensor], objects: Sequence[Objects], class_ids: Tensor, scored: Tensor) -> None:
        """Count M targets.

        Args:
            logits: M of float32 [H, W].
            objects: of each target, at the same size.
            class_ids: int64 [M].
            scored: bool [M]; False for targets that must not be counted.
        """
        rows = zip(logits, objects, class_ids.tolist(), scored.tolist(), strict=True)
        for each, shown, class_id, wanted in rows:
            # In double precision: in single, logits of 20 and 30 both become 1, and the first object would be chosen.
            covered = coverage(each.double().sigmoid(), shown) if wanted else []
            visible = [one for one, _ in covered]
            if class_id in visible:
                self.hits += round(_ONE * share_of_choice(covered, class_id))
                self.chances += round(_ONE * visible.count(class_id) / len(visible))
                self.targets += 1

    def compute(self) -> tuple[float | None, float | None]:
        """The share of targets with the right choice, and the chance of a right guess; None without targets."""
        targets = int(self.targets)
        if not targets:
            return None, None
        return int(self.hits) / _ONE / targets, int(self.chances) / _ONE / targets


def share_of_choice(covered: Sequence[tuple[ClassId, float]], class_id: ClassId) -> float:
    """The share of a class in the choice: 1 or 0, or its share of the equally covered objects.

    So a mask that covers all objects equally gets the score of a guess; one with NaN gets 0.

    >>> share_of_choice([(3, 0.9), (5, 0.1)], 3), share_of_choice([(3, 0.5), (5, 0.5)], 3)
    (1.0, 0.5)
    """
    if any(math.isnan(value) for _, value in covered):
        return 0.0
    highest = max(value for _, value in covered)
    chosen = [one for one, value in covered if value >= highest - _ALIKE]
    return chosen.count(class_id) / len(chosen)


def coverage(probability: Tensor, objects: Objects) -> list[tuple[ClassId, float]]:
    """Class and mean probability of each object with a pixel, in their order.

    Args:
        probability: [H, W] in [0, 1].
        objects: of the same size.
    """
    # On the CPU: sums into bins have no fixed order on a GPU.
    numbers = objects.instances.flatten().long().cpu()
    least = len(objects.classes) + 1
    areas = torch.bincount(numbers, minlength=least)[1:].tolist()
    sums = torch.bincount(numbers, probability.flatten().double().cpu(), minlength=least)[1:].tolist()
    rows = zip(objects.classes, sums, areas, strict=True)
    return [(class_id, total / area) for class_id, total, area in rows if area]


def _counted(metric: FewShotIoU) -> float | None:
    """The mIoU, or None if nothing was counted."""
    scores: FewShotScores = metric.compute()
    return scores.miou if any(score.targets for score in scores.classes) else None
