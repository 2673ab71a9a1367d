"""A fixed walk over the images of which nobody has said what they show, for ``predict``."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from itertools import cycle, islice

import numpy as np

from sansa_lightning.clips.episode import ClassId, Episode, ImageKey
from sansa_lightning.data.episodes.samplers import DrawnEpisodes
from sansa_lightning.data.protocols.base import Pool
from sansa_lightning.data.sources.abilities import HasUnmarked


class UnmarkedEpisodes(DrawnEpisodes):
    """Each image without a mask is the target once for each class that it may show; references are images with one.

    For ``predict`` alone: there is no truth that a test could count.

    Args:
        pools: to draw from.
        shots: K, references per episode; they repeat if a class has fewer.
        targets: 1.
        seed: >= 0.
        length: most episodes of the list.

    Raises:
        ValueError: ``targets`` is another number, or there are no such images.
    """

    def __init__(self, pools: Sequence[Pool], shots: int, targets: int, seed: int, length: int) -> None:
        super().__init__(pools, shots, targets, seed, length)
        if targets != 1 or not self._entries:
            got = f"{targets} targets" if targets != 1 else "none"
            msg = (
                f"UnmarkedEpisodes: expected images without a mask, one for each episode, but got {got}; "
                f"Folder has them with unmarked: true"
            )
            raise ValueError(msg)

    def __len__(self) -> int:
        return min(self.length, len(self._entries))

    def __getitem__(self, index: int) -> Episode:
        pool, class_id, target = self._entries[index]
        marked = pool.source.images(class_id, pool.split)
        drawn = np.random.default_rng([self.seed, index]).permutation(len(marked)).tolist()
        references = tuple(marked[place] for place in islice(cycle(drawn), self.shots))
        return Episode(pool.source.name, class_id, references, (target,))

    def _choose(self, rng: np.random.Generator, index: int) -> tuple[Pool, ClassId]:
        pool, class_id, _ = self._entries[index]
        return pool, class_id

    @cached_property
    def _entries(self) -> list[tuple[Pool, ClassId, ImageKey]]:
        return [
            (pool, class_id, key)
            for pool in self.pools
            if isinstance(pool.source, HasUnmarked)
            for class_id in pool.classes
            for key in pool.source.unmarked(class_id, pool.split)
        ]
