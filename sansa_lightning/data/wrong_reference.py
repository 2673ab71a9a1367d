"""The wrong-reference control: the same targets after references of another class.

A model that follows the reference finds nothing there to follow; one that segments whatever stands out scores as
before. The difference between the scores after right and after wrong references is the semantic margin.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from torch.utils.data import Dataset

from sansa_lightning.clip import Clip, Episode
from sansa_lightning.data.dataset import ClipDataset
from sansa_lightning.data.protocols import Pool
from sansa_lightning.data.samplers import Episodes


class WrongReferences(Episodes):
    """For each episode one of another class: with references of that class, and the very same targets.

    The other class is one of the pool's, drawn uniformly among those that no target shows.

    Args:
        episodes: the right ones.
        pool: where they were drawn from.
        seed: of the classes and references, >= 0.
    """

    def __init__(self, episodes: Episodes, pool: Pool, seed: int = 0) -> None:
        if len(pool.classes) < 2:
            msg = f"WrongReferences: expected a pool of at least two classes, but got {pool.classes}"
            raise ValueError(msg)
        self.episodes = episodes
        self.pool = pool
        self.seed = seed

    def __len__(self) -> int:
        return len(self.episodes)

    def __getitem__(self, index: int) -> Episode:
        right = self.episodes[index]
        rng = np.random.default_rng([self.seed, index])
        for class_id in rng.permutation(self.pool.classes).tolist():
            if class_id != right.class_id and not self._shown(right, class_id):
                images = self.pool.source.images(class_id, self.pool.split)
                shots = len(right.references)
                drawn = rng.choice(len(images), shots, replace=len(images) < shots)
                return replace(right, class_id=class_id, references=tuple(images[place] for place in drawn))
        msg = f"WrongReferences: the targets of {right} show all classes of the pool {self.pool.classes}"
        raise ValueError(msg)

    def _shown(self, episode: Episode, class_id: int) -> bool:
        masks = (self.pool.source.load(target, class_id)[1] for target in episode.targets)
        return any(bool((mask == 1).any()) for mask in masks)


class WrongReferenceClips(Dataset[Clip]):
    """Clips whose references are of another class, to be scored by the targets' own class as the right ones are.

    Args:
        right: the clips of the right episodes.
        pool: where these were drawn from.
        seed: see :class:`WrongReferences`.
    """

    def __init__(self, right: ClipDataset, pool: Pool, seed: int = 0) -> None:
        self.right = right
        wrong = WrongReferences(right.episodes, pool, seed)
        self.wrong = ClipDataset(wrong, right.sources, right.size, right.prompter, right.score_at)

    def __len__(self) -> int:
        return len(self.right)

    def __getitem__(self, index: int) -> Clip:
        right, wrong = self.right[index], self.wrong[index]
        shots = len(right.prompts)
        return replace(
            right,
            episode=replace(right.episode, references=wrong.episode.references),
            images=torch.cat([wrong.images[:shots], right.images[shots:]]),
            masks=torch.cat([wrong.masks[:shots], right.masks[shots:]]),
            prompts=wrong.prompts,
        )
