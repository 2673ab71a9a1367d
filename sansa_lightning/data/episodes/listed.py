"""Episodes by the image lists of a fold: the samplers of FS-SAM2 and FSSAM."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from functools import cached_property
from itertools import cycle, islice

import numpy as np

from sansa_lightning.clips.episode import ClassId, Episode, ImageKey
from sansa_lightning.data.episodes.samplers import DrawnEpisodes
from sansa_lightning.data.episodes.shown import Shown
from sansa_lightning.data.protocols.base import Pool
from sansa_lightning.data.sources.abilities import image_list


class ItemEpisodes(DrawnEpisodes):
    """Episodes of numbered items, each with a generator of its own, seeded by (seed, item, epoch + 1).

    In a test the last number is 0, as for an epoch -1, and items follow in order. In training, on the train split, each
    epoch goes through its items in an order of its own, which is this project's: the papers' loaders shuffle too.

    Args:
        pools: to draw from.
        shots: K, references per episode.
        targets: 1.
        seed: >= 0; 42 in FS-SAM2, 321 in FSSAM.
        length: episodes of a test list, or of an epoch.
    """

    def __init__(self, pools: Sequence[Pool], shots: int, targets: int, seed: int, length: int) -> None:
        super().__init__(pools, shots, targets, seed, length)
        if targets != 1:
            name = type(self).__name__
            msg = f"{name}.targets: expected 1 (data.train_targets in training), as in its paper, but got {targets}"
            raise ValueError(msg)
        self._order: tuple[int, list[int]] = (-1, [])

    def __getitem__(self, index: int) -> Episode:
        if index < 0:
            msg = f"{type(self).__name__}: expected an index >= 0, but got {index}"
            raise IndexError(msg)
        epoch, item = self._visited(index)
        return self._episode(item, np.random.default_rng([self.seed, item, epoch + 1]))

    def _visited(self, index: int) -> tuple[int, int]:
        """Epoch and item of an index."""
        if self.pools[0].split == "val":
            return -1, index
        epoch, place = divmod(index, self.length)
        if self._order[0] != epoch:
            order = np.random.default_rng([self.seed, epoch, self.length, 1]).permutation(self.length)
            self._order = (epoch, order.tolist())
        return epoch, self._order[1][place]

    def _episode(self, item: int, rng: np.random.Generator) -> Episode:
        pool, class_id, target = self._target(item, rng)
        others = [key for key in pool.source.images(class_id, pool.split) if key != target]
        drawn = rng.choice(len(others), min(self.shots, len(others)), replace=False).tolist()
        references = tuple(others[place] for place in islice(cycle(drawn), self.shots))
        return Episode(pool.source.name, class_id, self._ordered(references), (target,))

    @abstractmethod
    def _target(self, item: int, rng: np.random.Generator) -> tuple[Pool, ClassId, ImageKey]:
        """The target of an item, its class, and the pool of both."""

    def _ordered(self, references: tuple[ImageKey, ...]) -> tuple[ImageKey, ...]:
        """The references in the order in which a method sees them."""
        return references

    def _choose(self, rng: np.random.Generator, index: int) -> tuple[Pool, ClassId]:
        return self._target(self._visited(index)[1], rng)[:2]


class FsSam2ListEpisodes(ItemEpisodes):
    """FS-SAM2 on PASCAL-5i: the target of item i is entry i, modulo the length, of the fold's list of images.

    The class is one of the fold's that the target shows, each as likely as another, however small it is there: fewer
    than the 2,048 pixels of the lists are enough. References are drawn among the other images of the class's list,
    without repetition as long as there are enough. A test of 1,000 episodes goes round a list of 336 to 592 images, so
    targets return with other references. Arguments as for :class:`DrawnEpisodes`, with one target.
    """

    def __init__(self, pools: Sequence[Pool], shots: int, targets: int, seed: int, length: int) -> None:
        super().__init__(pools, shots, targets, seed, length)
        # Of the images looked at so far: to look takes a few milliseconds, and targets return.
        self._classes: dict[tuple[str, ImageKey], tuple[ClassId, ...]] = {}

    def _target(self, item: int, rng: np.random.Generator) -> tuple[Pool, ClassId, ImageKey]:
        pool, target = self._images[item % len(self._images)]
        classes = self._classes_in(pool, target)
        return pool, classes[int(rng.integers(len(classes)))], target

    @cached_property
    def _images(self) -> list[tuple[Pool, ImageKey]]:
        return [(pool, key) for pool in self.pools for key in image_list(pool.source, pool.classes, pool.split)]

    def _classes_in(self, pool: Pool, key: ImageKey) -> tuple[ClassId, ...]:
        place = (pool.source.name, key)
        if place not in self._classes:
            shown = Shown(pool.source, key)
            self._classes[place] = tuple(class_id for class_id in pool.classes if class_id in shown)
        return self._classes[place]


class FsSam2ClassEpisodes(ItemEpisodes):
    """FS-SAM2 on COCO-20i: any class of the fold, any image of its list as target, other ones as references.

    Of an item only its number counts, for the generator. Arguments as for :class:`DrawnEpisodes`, with one target.
    """

    def _target(self, item: int, rng: np.random.Generator) -> tuple[Pool, ClassId, ImageKey]:
        choices = [(pool, class_id) for pool in self.pools for class_id in pool.classes]
        pool, class_id = choices[int(rng.integers(len(choices)))]
        images = pool.source.images(class_id, pool.split)
        return pool, class_id, images[int(rng.integers(len(images)))]


class FssamEpisodes(FsSam2ListEpisodes):
    """FSSAM: targets in the order of the fold's list, and the last drawn reference first.

    The rule is FS-SAM2's for PASCAL-5i, on both datasets: of COCO-20i a test of 1,000 episodes sees the first 1,000
    images alone, and is not balanced by class. The draws are not those of the published runs, which depend on the
    number of loading processes and the version of torch; here they depend on (seed, index) alone. Arguments as for
    :class:`DrawnEpisodes`, with one target.
    """

    def _ordered(self, references: tuple[ImageKey, ...]) -> tuple[ImageKey, ...]:
        return references[::-1]
