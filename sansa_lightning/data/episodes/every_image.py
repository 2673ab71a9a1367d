"""A fixed walk over all images of the test classes."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from itertools import cycle, islice

import numpy as np

from sansa_lightning.clips.episode import ClassId, Episode
from sansa_lightning.data.episodes.samplers import DrawnEpisodes
from sansa_lightning.data.protocols.base import Pool
from sansa_lightning.data.sources.abilities import paired, picked, pictures_of


class EveryImageEpisodes(DrawnEpisodes):
    """Each picture of each class is the target once, in ascending order of picture and class; then it starts again.

    That is FSS-1000's test, class by class (docs/sansa.md 4.3), and PASCAL-5i's, whose list is in that order and
    shorter than the 1,000 episodes (docs/sansa.md 4.10). References are drawn among the other pictures of the class,
    without repetition as long as there are enough.

    Args:
        pools: to draw from.
        shots: K, references per episode.
        targets: 1.
        seed: >= 0.
        length: episodes of the list.
    """

    def __init__(self, pools: Sequence[Pool], shots: int, targets: int, seed: int, length: int) -> None:
        super().__init__(pools, shots, targets, seed, length)
        if targets != 1:
            name = type(self).__name__
            msg = f"{name}.targets: expected 1, since each picture is the target in turn, but got {targets}"
            raise ValueError(msg)

    def __getitem__(self, index: int) -> Episode:
        if index < 0:
            msg = f"{type(self).__name__}: expected an index >= 0, but got {index}"
            raise IndexError(msg)
        rng = np.random.default_rng([self.seed, index])
        pool, class_id, place = self._entries[index % len(self._entries)]
        source, split = pool.source, pool.split
        pictures = pictures_of(source, class_id, split)
        others = [*pictures[:place], *pictures[place + 1 :]]
        drawn = rng.choice(len(others), min(self.shots, len(others)), replace=False).tolist()
        references = tuple(
            picked(source, others[position], class_id, rng, split) for position in islice(cycle(drawn), self.shots)
        )
        target = picked(source, pictures[place], class_id, rng, split)
        target = paired(source, references[0], target, class_id, rng, split)
        return Episode(source.name, class_id, references, (target,))

    def _choose(self, rng: np.random.Generator, index: int) -> tuple[Pool, ClassId]:
        pool, class_id, _ = self._entries[index % len(self._entries)]
        return pool, class_id

    @cached_property
    def _entries(self) -> list[tuple[Pool, ClassId, int]]:
        """Pool, class and place among the class's pictures."""
        entries = [
            (number, str(key), class_id, place)
            for number, pool in enumerate(self.pools)
            for class_id in pool.classes
            for place, key in enumerate(pictures_of(pool.source, class_id, pool.split))
        ]
        return [(self.pools[number], class_id, place) for number, _, class_id, place in sorted(entries)]
