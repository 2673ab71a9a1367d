"""Is a few-shot score about the reference? The same targets after wrong references, and without any reference.

A score without its margin can be salience: a model that always segments whatever stands out gets one, too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

import torch
from torch import Tensor

from sansa_lightning.clip import ClassId, ClipBatch, Episode, ImageKey
from sansa_lightning.data.dataset import ClipDataset, ClipList
from sansa_lightning.data.protocols import Pool
from sansa_lightning.data.sources.patterns import Patterns
from sansa_lightning.data.wrong_reference import WrongReferenceClips
from sansa_lightning.metrics import FewShotIoU, FewShotScores

Segment = Callable[[ClipBatch], Tensor]
"""Clips to the logits of their targets, float32 [B, N, H, W]."""


class Controls(NamedTuple):
    """Scores on one list of targets, in [0, 1].

    Attributes:
        right: after references of the target's class.
        wrong: after references of a class that the target does not show, scored by the target's own class.
        everything: of the best class-blind mask, which is all objects.
        choice: share of targets in which the object with the highest mean probability is of the class.
        chance: the same for a guess among the objects.
    """

    right: FewShotScores
    wrong: FewShotScores
    everything: FewShotScores
    choice: float
    chance: float

    @property
    def margin(self) -> float:
        """The semantic margin: mIoU after right references minus mIoU after wrong ones."""
        return self.right.miou - self.wrong.miou


@torch.no_grad()
def pattern_controls(segment: Segment, clips: ClipDataset, pool: Pool, seed: int = 0, chunk: int = 16) -> Controls:
    """All controls of a model on clips of the pattern benchmark, at clip size.

    Args:
        segment: the model.
        clips: with right references; their sources must be :class:`Patterns` of the clips' size.
        pool: where the episodes were drawn from.
        seed: of the wrong references.
        chunk: clips that the model gets at a time.
    """
    right, wrong, everything = (FewShotIoU(pool.classes) for _ in range(3))
    choices = []
    for batch in _batches(clips, chunk):
        logits = segment(batch)
        shown = [[_objects(clips, episode, key) for key in episode.targets] for episode in batch.episodes]
        _count(right, logits > 0, batch)
        _count(everything, torch.stack([torch.stack([o.instances for o in row]) for row in shown]) > 0, batch)
        for episode, row, objects in zip(batch.episodes, logits, shown, strict=True):
            choices += [_choice(each, o, episode.class_id) for each, o in zip(row, objects, strict=True)]
    for batch in _batches(WrongReferenceClips(clips, pool, seed), chunk):
        _count(wrong, segment(batch) > 0, batch)
    choice, chance = torch.tensor(choices, dtype=torch.float64).mean(0).tolist()
    return Controls(right.compute(), wrong.compute(), everything.compute(), choice, chance)


def most_covered(probability: Tensor, instances: Tensor, count: int) -> int:
    """Number of the object, 0 .. count - 1, with the highest mean probability; the first of equal ones.

    Args:
        probability: float32 [H, W] in [0, 1].
        instances: uint8 [H, W], k + 1 on the k-th object, each on at least one pixel.
        count: objects.
    """
    return max(range(count), key=lambda k: float(probability[instances == k + 1].mean()))


def _batches(clips: ClipList, chunk: int) -> Iterator[ClipBatch]:
    for first in range(0, len(clips), chunk):
        yield ClipBatch.collate([clips[index] for index in range(first, min(first + chunk, len(clips)))])


def _count(metric: FewShotIoU, masks: Tensor, batch: ClipBatch) -> None:
    truth = batch.masks[:, batch.shots :]
    ids = batch.class_ids.repeat_interleave(truth.shape[1])
    metric.update(masks.flatten(0, 1), truth.flatten(0, 1), ids)


class _Objects(NamedTuple):
    """What a target shows: uint8 [H, W], k + 1 on the k-th object, and the class of each object."""

    instances: Tensor
    classes: tuple[ClassId, ...]


def _objects(clips: ClipDataset, episode: Episode, key: ImageKey) -> _Objects:
    source = clips.sources[episode.source]
    if not isinstance(source, Patterns):
        msg = f"pattern_controls: expected clips of Patterns, but got clips of {source}"
        raise TypeError(msg)
    instances, classes = source.objects(key)
    return _Objects(torch.from_numpy(instances), classes)


def _choice(logits: Tensor, objects: _Objects, class_id: ClassId) -> tuple[float, float]:
    """Whether the most covered object is of the class, and the chance that a guess is."""
    best = most_covered(logits.sigmoid(), objects.instances, len(objects.classes))
    return float(objects.classes[best] == class_id), objects.classes.count(class_id) / len(objects.classes)
