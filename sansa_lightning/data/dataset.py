"""Episode -> Clip: load, resize, normalise, prompt."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Literal, Protocol

import torch
from torch import Tensor
from torch.utils.data import Dataset

from sansa_lightning.clip import Clip, Episode, ImageKey
from sansa_lightning.data.prompts import Prompter, prompt_generator
from sansa_lightning.data.samplers import Episodes
from sansa_lightning.data.sources.base import Source
from sansa_lightning.images import Size, height_width, resize_mask, to_frame

ScoreAt = Literal["clip", "original"]


class ClipList(Protocol):
    """Clips by index, and how many there are."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int) -> Clip: ...


class ClipDataset(Dataset[Clip]):
    """Clips of a list of episodes; ``dataset[i]`` shows ``episodes[i]``.

    Args:
        episodes: which clips.
        sources: by the names that the episodes use.
        size: of the clip's frames, whatever the sizes of the images.
        prompter: annotates references, from the mask at clip size.
        score_at: "original" keeps the targets' masks at the size of their images as well.
    """

    def __init__(
        self,
        episodes: Episodes,
        sources: Mapping[str, Source],
        size: Size,
        prompter: Prompter,
        score_at: ScoreAt = "clip",
    ) -> None:
        self.episodes = episodes
        self.sources = dict(sources)
        self.size = height_width(size)
        self.prompter = prompter
        self.score_at = score_at

    def __len__(self) -> int:
        return len(self.episodes)

    def __getitem__(self, index: int) -> Clip:
        return self.clip(self.episodes[index])

    def clip(self, episode: Episode) -> Clip:
        """The clip of an episode, which need not be one of the list."""
        source = self.sources[episode.source]
        keys = episode.references + episode.targets
        images = torch.empty(len(keys), 3, *self.size)
        masks = torch.empty(len(keys), *self.size, dtype=torch.uint8)
        originals: dict[ImageKey, Tensor] = {}
        for place, key in enumerate(keys):
            if key in originals:  # an image that appears twice is decoded and resized once
                images[place], masks[place] = images[keys.index(key)], masks[keys.index(key)]
                continue
            image, mask = source.load(key, episode.class_id)
            to_frame(image, self.size, images[place])
            masks[place] = resize_mask(mask, self.size)
            originals[key] = torch.from_numpy(mask)
        prompts = tuple(
            self.prompter(masks[reference], prompt_generator(episode, reference))
            for reference in range(len(episode.references))
        )
        kept = episode.targets if self.score_at == "original" else ()
        return Clip(episode, images, masks, prompts, originals=tuple(originals[key] for key in kept))


class FilledDataset(Dataset[Clip]):
    """A dataset whose length is a multiple of the number of processes, so that each gets as many batches.

    The clips that fill it up are its first ones again, with ``scored=False``: they keep collective operations
    from waiting for a process that has run out, and count nowhere.

    Args:
        clips: what to fill up.
        multiple: number of processes.
    """

    def __init__(self, clips: ClipList, multiple: int) -> None:
        self.clips = clips
        self.length = -(-len(clips) // multiple) * multiple

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, index: int) -> Clip:
        clip = self.clips[index % len(self.clips)]
        return clip if index < len(self.clips) else replace(clip, scored=False)
