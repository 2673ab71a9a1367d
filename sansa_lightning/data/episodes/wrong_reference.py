"""The wrong-reference control: the same targets after references of another class.

A model that follows the reference finds nothing to segment then; one that segments any salient object scores as before.
The difference between the scores after right and after wrong references is the semantic margin.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from sansa_lightning.clips.episode import Episode
from sansa_lightning.data.episodes.samplers import Episodes
from sansa_lightning.data.protocols.base import Pool


class WrongReferences:
    """For each episode, one with references of another class and the same targets.

    The other class is drawn uniformly among the pool's classes that no target shows; it depends only on (seed, index),
    the episode and the pool. A pool of a single class has no wrong episodes.

    Args:
        episodes: the right ones.
        pool: of these episodes.
        seed: of the classes and references, >= 0.
    """

    def __init__(self, episodes: Episodes, pool: Pool, seed: int = 0) -> None:
        self.episodes = episodes
        self.pool = pool
        self.seed = seed

    def __len__(self) -> int:
        return len(self.episodes)

    def __iter__(self) -> Iterator[Episode | None]:
        return (self[index] for index in range(len(self)))

    def __getitem__(self, index: int) -> Episode | None:
        """The wrong episode, or None if the targets show all classes of the pool."""
        right = self.episodes[index]
        rng = np.random.default_rng([self.seed, index])
        source, split = self.pool.source, self.pool.split
        for class_id in rng.permutation(self.pool.classes).tolist():
            if class_id != right.class_id and not any(source.shows(target, class_id) for target in right.targets):
                images = source.images(class_id, split)
                shots = len(right.references)
                drawn = rng.choice(len(images), shots, replace=len(images) < shots)
                return replace(right, class_id=class_id, references=tuple(images[place] for place in drawn))
        return None
