"""Videos for analyses: those of a DAVIS folder, or moving patterns that need no data."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from sansa_lightning.data.formats.davis import davis_videos
from sansa_lightning.data.patterns.tracking import TrackingClips

Frame = tuple[NDArray[np.uint8], NDArray[np.uint8]]
"""A picture, uint8 [H, W, 3], and its map of objects, uint8 [H, W]: 0 background, k the k-th object."""


class Filmed(Protocol):
    """A video: its name and its frames, which can be read more than once."""

    @property
    def name(self) -> str:
        """For people."""

    def __len__(self) -> int: ...

    def __iter__(self) -> Iterator[Frame]: ...


@dataclass(frozen=True)
class MovingPatterns:
    """A clip of nano's tracking benchmark; its one object moves continuously.

    Attributes:
        clips: the clips.
        number: of the clip.
    """

    clips: TrackingClips
    number: int

    @property
    def name(self) -> str:
        """A name for people."""
        return f"patterns {self.number}"

    def __len__(self) -> int:
        return self.clips.frames

    def __iter__(self) -> Iterator[Frame]:
        clip = self.clips[self.number]
        for image, mask in zip(clip.images, clip.masks, strict=True):
            yield image.permute(1, 2, 0).numpy(), (mask == 1).byte().numpy()


def videos(root: Path | None, split: str, patterns: int, frames: int) -> Sequence[Filmed]:
    """The videos of a DAVIS folder, or if none is named, moving patterns.

    Args:
        root: the folder; None for patterns.
        split: of the folder's list.
        patterns: number of clips of moving patterns.
        frames: of each of them.

    Raises:
        FileNotFoundError: a file of the folder is missing.
        ValueError: the folder is not whole.
    """
    if root is not None:
        return davis_videos(root.expanduser(), split)
    clips = TrackingClips(patterns, "val", frames, jump=0.0)
    return [MovingPatterns(clips, number) for number in range(patterns)]
