"""Episode -> Clip: load, resize, prompt; and the additions of an evaluation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Literal, Protocol, get_args

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset

from sansa_lightning.clips.clip import Clip
from sansa_lightning.clips.episode import Episode, ImageKey
from sansa_lightning.clips.evaluation import EvaluationClip
from sansa_lightning.data.episodes.samplers import Episodes
from sansa_lightning.data.frames.resizing import Resizing, Squash
from sansa_lightning.data.prompts import Prompter, prompt_generator
from sansa_lightning.data.sources.base import Source
from sansa_lightning.images.pictures import Size, height_width

ScoreAt = Literal["clip", "original"]


class ClipList(Protocol):
    """A list of clips, plain or for evaluation."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int) -> Clip | EvaluationClip: ...


class ClipDataset(Dataset[Clip]):
    """Clips of a list of episodes; ``dataset[i]`` shows ``episodes[i]``.

    Args:
        episodes: the list.
        sources: by the names in the episodes.
        size: of the clip's frames, whatever the sizes of the images.
        prompter: annotates references, from the mask at clip size.
        resizing: makes frames of images; ``Squash`` if None.
    """

    def __init__(
        self,
        episodes: Episodes,
        sources: Mapping[str, Source],
        size: Size,
        prompter: Prompter,
        resizing: Resizing | None = None,
    ) -> None:
        self.episodes = episodes
        self.sources = dict(sources)
        self.size = height_width(size)
        self.prompter = prompter
        self.resizing = resizing or Squash()

    def __len__(self) -> int:
        return len(self.episodes)

    def __getitem__(self, index: int) -> Clip:
        return self.with_originals(index)[0]

    def with_originals(self, index: int) -> tuple[Clip, tuple[Tensor, ...]]:
        """A clip, and the masks of its N targets at the size of their images, uint8 [H, W]."""
        return self._load(self.episodes[index], index)

    def clip(self, episode: Episode) -> Clip:
        """The clip of an episode, also of one outside the list."""
        return self._load(episode)[0]

    def beside(self, episode: Episode) -> tuple[Episode, ...]:
        """Episodes whose references come with an episode's clip as its negative references; none here."""
        return ()

    def _load(self, episode: Episode, index: int | None = None) -> tuple[Clip, tuple[Tensor, ...]]:
        source = self.sources[episode.source]
        keys = episode.references + episode.targets
        images = torch.empty(len(keys), 3, *self.size, dtype=torch.uint8)
        masks = torch.empty(len(keys), *self.size, dtype=torch.uint8)
        loaded: dict[ImageKey, tuple[NDArray[np.uint8], NDArray[np.uint8]]] = {}
        for place, key in enumerate(keys):
            if key not in loaded:  # an image that appears twice is decoded once
                loaded[key] = source.load(key, episode.class_id)
            self._fill(images[place], masks[place], *loaded[key], None if index is None else (index, place))
        prompts = tuple(
            self.prompter(masks[reference], prompt_generator(episode, reference))
            for reference in range(len(episode.references))
        )
        return Clip(episode, images, masks, prompts), tuple(torch.from_numpy(loaded[key][1]) for key in episode.targets)

    def _fill(
        self,
        frame: Tensor,
        truth: Tensor,
        image: NDArray[np.uint8],
        mask: NDArray[np.uint8],
        place: tuple[int, int] | None,
    ) -> None:
        """Fill a frame and its mask.

        Args:
            frame: uint8 [3, H, W], to be filled.
            truth: uint8 [H, W], to be filled.
            image: uint8 [H', W', 3].
            mask: uint8 [H', W'].
            place: index of the clip in the list, and position in the clip; None outside the list.
        """
        self.resizing.frame(image, self.size, frame)
        truth.copy_(self.resizing.mask(mask, self.size))


def check_scoring(score_at: str, align_corners: bool) -> None:
    """Check the size at which targets are scored.

    Raises:
        ValueError: it is not a :data:`ScoreAt`, or corners are to be aligned although no logits are resized.
    """
    if score_at not in get_args(ScoreAt):
        msg = f"data.score_at: expected 'clip' or 'original', but got {score_at!r}"
        raise ValueError(msg)
    if align_corners and score_at == "clip":
        msg = "data.score_align_corners: expected data.score_at: original with it, but logits stay at clip size"
        raise ValueError(msg)


class EvaluationClips(Dataset[EvaluationClip]):
    """The clips of a dataset for scoring.

    Args:
        clips: of the episodes.
        score_at: "original" keeps the targets' masks at the size of their images as well.
        align_corners: see :class:`EvaluationClip`.
    """

    def __init__(self, clips: ClipDataset, score_at: ScoreAt = "clip", align_corners: bool = False) -> None:
        self.clips = clips
        self.score_at = score_at
        self.align_corners = align_corners

    def __len__(self) -> int:
        return len(self.clips)

    def __getitem__(self, index: int) -> EvaluationClip:
        clip, originals = self.clips.with_originals(index)
        kept = originals if self.score_at == "original" else ()
        return EvaluationClip(clip, kept, align_corners=self.align_corners)


class FilledDataset(Dataset[EvaluationClip]):
    """A dataset filled up to a multiple of the number of processes, so that each gets equally many batches.

    It is filled up with its first clips again, with ``scored=False``: they keep collective operations from waiting for
    a process that has run out, and count nowhere.

    Args:
        clips: the dataset to fill up.
        multiple: number of processes.
    """

    def __init__(self, clips: ClipList, multiple: int) -> None:
        self.clips = clips
        self.length = -(-len(clips) // multiple) * multiple

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, index: int) -> EvaluationClip:
        clip = self.clips[index % len(self.clips)]
        whole = clip if isinstance(clip, EvaluationClip) else EvaluationClip(clip)
        return whole if index < len(self.clips) else replace(whole, scored=False)
