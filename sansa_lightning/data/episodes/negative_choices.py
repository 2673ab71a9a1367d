"""Semantic negatives: references of other classes beside a clip's own (SANSA Table 11).

The paper does not name the classes and images of its negative references. Here they follow from the episode alone, so
that a manifest, any number of workers and any model get the same ones.
"""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np
from torch import Tensor

from sansa_lightning.clips.batch import ClipBatch
from sansa_lightning.clips.episode import ClassId, Episode, ImageKey
from sansa_lightning.clips.evaluation import Stack
from sansa_lightning.clips.negatives import BatchWithNegatives, ClipWithNegatives, Negative
from sansa_lightning.data.episodes.dataset import ClipDataset
from sansa_lightning.data.episodes.samplers import Episodes
from sansa_lightning.data.episodes.shown import Shown
from sansa_lightning.data.frames.resizing import Resizing
from sansa_lightning.data.prompts import Prompter, prompt_generator
from sansa_lightning.data.protocols.base import Pool
from sansa_lightning.data.sources.base import Source
from sansa_lightning.images.pictures import Size


class NegativeChoice(ABC):
    """Chooses the negative references of an episode; a subclass chooses their classes.

    Args:
        count: negative references of a clip, each of another class, at least 1.
    """

    def __init__(self, count: int = 1) -> None:
        if count < 1:
            msg = f"{type(self).__name__}.count: expected at least 1, but got {count}"
            raise ValueError(msg)
        self.count = count

    def draw(self, episode: Episode, pool: Pool, among: Collection[ClassId] | None = None) -> tuple[Episode, ...]:
        """An episode for each negative reference, with its class, it alone, and the targets; depends on names alone.

        Args:
            episode: whose targets are to be segmented.
            pool: of the episode; its split provides the images, none of them one of the episode's own.
            among: classes that may be drawn; None for all that the choice knows.
        """
        digest = hashlib.sha256(f"{episode.to_json()}#negatives".encode()).digest()
        rng = np.random.default_rng(int.from_bytes(digest[:8], "big"))
        drawn: list[Episode] = []
        for class_id in self._classes(episode, pool, rng):
            if len(drawn) == self.count:
                break
            if among is not None and class_id not in among:
                continue
            key = _image(episode, class_id, pool, rng)
            if key is not None:
                drawn.append(replace(episode, class_id=class_id, references=(key,)))
        return tuple(drawn)

    @abstractmethod
    def _classes(self, episode: Episode, pool: Pool, rng: np.random.Generator) -> Iterator[ClassId]:
        """Classes other than the episode's, in the order of their use."""


class OtherClasses(NegativeChoice):
    """Any other classes of the pool, whether a target shows them or not: uses no knowledge of the target."""

    def _classes(self, episode: Episode, pool: Pool, rng: np.random.Generator) -> Iterator[ClassId]:
        for class_id in rng.permutation(pool.classes).tolist():
            if class_id != episode.class_id:
                yield class_id


class ShownClasses(NegativeChoice):
    """Other classes that a target shows, trained on or not; fewer if it shows fewer.

    The choice uses the truth, like a user who sees the target and points out wrong objects. A score with such negatives
    is no score of a method that gets references alone.
    """

    def _classes(self, episode: Episode, pool: Pool, rng: np.random.Generator) -> Iterator[ClassId]:
        shown = [Shown(pool.source, target) for target in episode.targets]
        for class_id in rng.permutation(pool.source.classes(pool.split)).tolist():
            if class_id != episode.class_id and any(class_id in each for each in shown):
                yield class_id


class ClipsWithNegatives(ClipDataset):
    """Clips of a list of episodes, each with its negative references.

    Args:
        episodes: the list.
        sources: see :class:`ClipDataset`.
        size: see :class:`ClipDataset`.
        prompter: annotates references and negative references.
        pools: of the episodes.
        negatives: chooses the negative references.
        resizing: see :class:`ClipDataset`.
    """

    def __init__(
        self,
        episodes: Episodes,
        sources: Mapping[str, Source],
        size: Size,
        prompter: Prompter,
        pools: Sequence[Pool],
        negatives: NegativeChoice,
        resizing: Resizing | None = None,
    ) -> None:
        super().__init__(episodes, sources, size, prompter, resizing)
        self.pools = tuple(pools)
        self.negatives = negatives

    def with_originals(self, index: int) -> tuple[ClipWithNegatives, tuple[Tensor, ...]]:
        """See :meth:`ClipDataset.with_originals`."""
        clip, originals = super().with_originals(index)
        negatives = tuple(self._negative(one) for one in self.beside(clip.episode))
        return ClipWithNegatives(clip.episode, clip.images, clip.masks, clip.prompts, negatives=negatives), originals

    def beside(self, episode: Episode) -> tuple[Episode, ...]:
        """See :meth:`ClipDataset.beside`: an episode for each negative reference."""
        return self.negatives.draw(episode, self._pool(episode))

    def _pool(self, episode: Episode) -> Pool:
        here = (pool for pool in self.pools if pool.source.name == episode.source)
        return next(pool for pool in here if episode.class_id in pool.classes)

    def _negative(self, episode: Episode) -> Negative:
        image, mask = self.sources[episode.source].load(episode.references[0], episode.class_id)
        prompt = self.prompter(self.resizing.mask(mask, self.size), prompt_generator(episode, 0))
        return Negative(episode, self.resizing.frame(image, self.size), prompt)


class TrainingClipsWithNegatives(ClipsWithNegatives):
    """The same for training: negative references, too, are of classes that train, whatever else a target shows."""

    def beside(self, episode: Episode) -> tuple[Episode, ...]:
        """See :meth:`ClipDataset.beside`."""
        pool = self._pool(episode)
        return self.negatives.draw(episode, pool, among=pool.classes)


def stacking(negatives: NegativeChoice | None) -> Stack:
    """Makes batches of clips with negative references, or without where nothing chooses any."""
    return (ClipBatch if negatives is None else BatchWithNegatives).collate


def _image(episode: Episode, class_id: ClassId, pool: Pool, rng: np.random.Generator) -> ImageKey | None:
    """An image of the class that is not in the episode, or None."""
    own = set(episode.references + episode.targets)
    others = [key for key in pool.source.images(class_id, pool.split) if key not in own]
    return others[int(rng.integers(len(others)))] if others else None
