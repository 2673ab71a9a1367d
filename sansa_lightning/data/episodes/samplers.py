"""Index -> Episode, a function of (seed, index) alone: not of workers, processes, the model or earlier draws."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from itertools import cycle, islice

import numpy as np

from sansa_lightning.clips.episode import ClassId, Episode
from sansa_lightning.data.protocols.base import Pool
from sansa_lightning.data.sources.abilities import paired, picked, pictures_of


class Episodes(ABC):
    """A list of episodes, from which a dataset makes clips."""

    @abstractmethod
    def __len__(self) -> int: ...

    @abstractmethod
    def __getitem__(self, index: int) -> Episode: ...

    def __iter__(self) -> Iterator[Episode]:
        return (self[index] for index in range(len(self)))


class DrawnEpisodes(Episodes):
    """Episodes drawn at random; a subclass chooses the class.

    Any index >= 0 has an episode: later epochs of training continue beyond ``len(self)`` with new ones.

    Args:
        pools: to draw from.
        shots: K, references per episode.
        targets: targets per episode: J in training, 1 in evaluation.
        seed: >= 0.
        length: episodes of a test list, or of an epoch.
    """

    def __init__(self, pools: Sequence[Pool], shots: int, targets: int, seed: int, length: int) -> None:
        if not pools:
            msg = f"{type(self).__name__}.pools: expected at least one pool, but got none"
            raise ValueError(msg)
        if min(shots, targets, length) < 1 or seed < 0:
            msg = (
                f"{type(self).__name__}: expected shots, targets and length >= 1 and seed >= 0, "
                f"but got {shots}, {targets}, {length} and {seed}"
            )
            raise ValueError(msg)
        self.pools = tuple(pools)
        self.shots = shots
        self.targets = targets
        self.seed = seed
        self.length = length

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, index: int) -> Episode:
        if index < 0:
            msg = f"{type(self).__name__}: expected an index >= 0, but got {index}"
            raise IndexError(msg)
        rng = np.random.default_rng([self.seed, index])
        pool, class_id = self._choose(rng, index)
        source, split = pool.source, pool.split
        pictures = pictures_of(source, class_id, split)
        places = draw_images(rng, len(pictures), self.shots, self.targets)
        references, targets = (
            tuple(picked(source, pictures[place], class_id, rng, split) for place in part) for part in places
        )
        shown = tuple(paired(source, references[0], target, class_id, rng, split) for target in targets)
        return Episode(source.name, class_id, references, shown)

    @abstractmethod
    def _choose(self, rng: np.random.Generator, index: int) -> tuple[Pool, ClassId]:
        """The class of an episode, and the pool that it belongs to."""


class RandomEpisodes(DrawnEpisodes):
    """A pool by its weight, then a class uniformly (docs/sansa.md 4.1)."""

    def _choose(self, rng: np.random.Generator, index: int) -> tuple[Pool, ClassId]:
        shares = np.cumsum([pool.weight for pool in self.pools])
        # A draw that rounds up to the last share belongs to the last pool.
        place = min(int(np.searchsorted(shares, rng.random() * shares[-1], "right")), len(shares) - 1)
        pool = self.pools[place]
        return pool, pool.classes[int(rng.integers(len(pool.classes)))]


class RoundRobinEpisodes(DrawnEpisodes):
    """One class after the other, over the pools one after the other; weights play no part (docs/sansa.md 4.2, test)."""

    def _choose(self, rng: np.random.Generator, index: int) -> tuple[Pool, ClassId]:
        choices = [(pool, class_id) for pool in self.pools for class_id in pool.classes]
        return choices[index % len(choices)]


class Repeated(Episodes):
    """A list that starts again at its end, for training on the same few episodes.

    Args:
        episodes: the list.
    """

    def __init__(self, episodes: Episodes) -> None:
        self.episodes = episodes

    def __len__(self) -> int:
        return len(self.episodes)

    def __getitem__(self, index: int) -> Episode:
        return self.episodes[index % len(self.episodes)]


def draw_images(rng: np.random.Generator, images: int, shots: int, targets: int) -> tuple[list[int], list[int]]:
    """Positions of references and of targets among a class's pictures; no picture is ever both.

    All are different if the class has ``shots + targets`` pictures. If not, every picture is used: first references get
    theirs (all but one picture, at most ``shots``), targets share the rest, and both repeat theirs in turn.

    Args:
        rng: source of randomness.
        images: number of pictures of the class, at least 2.
        shots: K, references wanted.
        targets: targets wanted.
    """
    for_references = min(shots, images - 1)
    for_targets = min(targets, images - for_references)
    drawn = rng.choice(images, for_references + for_targets, replace=False).tolist()
    return (
        list(islice(cycle(drawn[:for_references]), shots)),
        list(islice(cycle(drawn[for_references:]), targets)),
    )
