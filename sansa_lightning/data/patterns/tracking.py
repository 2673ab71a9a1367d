"""Tracking clips: one object of class-free content moves, turns, scales and deforms among distractors.

The nano base is pretrained and its tracking is scored on them. Their surfaces come only from
:mod:`sansa_lightning.data.patterns.pretraining`, never from a class of the benchmark.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from sansa_lightning.clips.batch import ClipBatch
from sansa_lightning.clips.clip import Clip
from sansa_lightning.clips.episode import Episode
from sansa_lightning.data.patterns.canvas import background, expose
from sansa_lightning.data.patterns.draws import Bytes, Domain, Draws, Integers
from sansa_lightning.data.patterns.motion import Shot, film, follow
from sansa_lightning.data.patterns.palettes import palettes
from sansa_lightning.data.patterns.scene import dress, lay
from sansa_lightning.data.patterns.tiles import pretraining_tile
from sansa_lightning.data.prompts import MaskPrompt, Prompter, prompt_generator
from sansa_lightning.data.sources.base import Split
from sansa_lightning.images.pictures import to_frame

PURE = 0.9
"""Least share of a cell that an object fills for the cell to count as its surface."""


@dataclass(frozen=True, slots=True)
class TrackingClip(Clip):
    """A clip with the tile of each cell, usable wherever a :class:`Clip` is.

    Attributes:
        tokens: int64 [T, h, w], number of the tile that fills a cell of the grid, -1 for mixed cells and background;
            the target of the encoder's auxiliary classification.
    """

    tokens: Tensor = field(kw_only=True)


@dataclass(frozen=True, slots=True)
class TrackingBatch(ClipBatch):
    """Tracking clips of equal size, stacked; usable wherever a :class:`ClipBatch` is.

    Attributes:
        tokens: int64 [B, T, h, w], as in :class:`TrackingClip`.
    """

    tokens: Tensor = field(kw_only=True)


class TrackingClips(Dataset[TrackingClip]):
    """Tracking clips by index; any index >= 0 has one, which depends only on (seed, split, index) and the arguments.

    The first frame is the reference. In some clips ("jump") all objects change place in every frame, on another
    background, as in separate images of the same objects.

    Args:
        length: clips of an epoch or of a test list.
        split: "val" shows tiles that "train" never does.
        frames: T, at least 2.
        size: side of the frames in pixels, 32 to 512, a multiple of ``grid``.
        grid: side of the grid of tokens.
        seed: 0 <= seed < 2**64; give it the same value as the benchmark's, or any other.
        tiles: number of tiles of the train split; tokens are 0 .. tiles - 1.
        val_tiles: number of tiles of the val split; tokens follow on those of the train split.
        same_palette: probability that all distractors wear the tracked object's palette.
        same_pattern: probability that one distractor has its pattern, in other colours.
        jump: probability of a clip without continuous movement.
        prompters: annotate the reference; one is drawn uniformly for each clip. None for the mask.
    """

    def __init__(
        self,
        length: int,
        split: Split = "train",
        frames: int = 3,
        size: int = 96,
        grid: int = 12,
        seed: int = 0,
        tiles: int = 120,
        val_tiles: int = 40,
        same_palette: float = 0.15,
        same_pattern: float = 0.40,
        jump: float = 0.5,
        prompters: Sequence[Prompter] | None = None,
    ) -> None:
        _check("length", "at least 1", length, length >= 1)
        _check("split", "'train' or 'val'", split, split in ("train", "val"))
        _check("frames", "at least 2", frames, frames >= 2)
        _check("size", "32 to 512", size, 32 <= size <= 512)
        _check("grid", f"a divisor of {size}", grid, grid >= 1 and size % grid == 0)
        _check("seed", "0 to 2**64 - 1", seed, 0 <= seed < 1 << 64)
        _check("tiles", "at least 2 per split", (tiles, val_tiles), min(tiles, val_tiles) >= 2)
        chances = (same_palette, same_pattern, jump)
        _check("same_palette, same_pattern, jump", "probabilities", chances, all(0 <= p <= 1 for p in chances))
        self.length = length
        self.split = split
        self.frames = frames
        self.size = size
        self.grid = grid
        self.seed = seed
        self.numbers = range(tiles) if split == "train" else range(tiles, tiles + val_tiles)
        self.same_palette = same_palette
        self.same_pattern = same_pattern
        self.jump = jump
        self.prompters = (MaskPrompt(),) if prompters is None else tuple(prompters)
        _check("prompters", "at least one", self.prompters, len(self.prompters) > 0)

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, index: int) -> TrackingClip:
        if index < 0:
            msg = f"TrackingClips: expected an index >= 0, but got {index}"
            raise IndexError(msg)
        draws = Draws(self.seed, Domain.CLIP, index, ("train", "val").index(self.split))
        images, masks, tokens = self._shoot(draws)
        episode = self._episode(index)
        prompter = self.prompters[draws.integer(0, len(self.prompters))]
        first = torch.from_numpy(masks[0])
        return TrackingClip(
            episode=episode,
            images=torch.stack([to_frame(image, self.size) for image in images]),
            masks=torch.from_numpy(masks),
            prompts=(prompter(first, prompt_generator(episode, 0)),),
            tokens=torch.from_numpy(tokens),
        )

    def _episode(self, index: int) -> Episode:
        names = tuple(f"{self.split}-{index}@{frame}" for frame in range(self.frames))
        return Episode("tracking", 0, names[:1], names[1:])

    def _shoot(self, draws: Draws) -> tuple[list[Bytes], Bytes, Integers]:
        """Images, masks of the tracked object and tokens of every frame."""
        count = draws.integer(2, 4)
        subject, jump = draws.integer(0, count), draws.chance(self.jump)
        numbers, worn = self._cast(draws, count, subject)
        surfaces = [lay(draws, pretraining_tile(self.seed, number), self.size) for number in numbers]
        shots = film(draws, self.size, count, self.frames, subject, jump=jump)
        ground = background(self.size, draws)
        images = []
        for shot in shots:
            canvas = background(self.size, draws) if jump else ground.copy()
            bodies = zip(surfaces, shots[0].bodies, shot.bodies, strict=True)
            dress(canvas, shot.bodies, shot.coverages, [follow(*body) for body in bodies], worn)
            images.append(expose(canvas, draws))
        masks = np.stack([(shot.instances == subject + 1).astype(np.uint8) for shot in shots])
        return images, masks, np.stack([self._tokens(shot, numbers) for shot in shots])

    def _cast(self, draws: Draws, count: int, subject: int) -> tuple[list[int], Integers]:
        """Tile number and palette of each object."""
        numbers = [self.numbers[int(k)] for k in draws.permutation(len(self.numbers))[:count]]
        worn = palettes(draws, count + 1)
        spare, worn = worn[-1], worn[:-1]
        if draws.chance(self.same_palette):
            worn[:] = worn[subject]
        if draws.chance(self.same_pattern):
            twin = (subject + draws.integer(1, count)) % count
            numbers[twin] = numbers[subject]
            worn[twin] = spare
        return numbers, worn

    def _tokens(self, shot: Shot, numbers: Sequence[int]) -> Integers:
        cell = self.size // self.grid
        cells = shot.instances.reshape(self.grid, cell, self.grid, cell)
        tokens = np.full((self.grid, self.grid), -1, dtype=np.int64)
        for instance, number in enumerate(numbers, 1):
            filled = (cells == instance).sum(axis=(1, 3))
            tokens[filled >= PURE * cell * cell] = number
        return tokens


def _check(argument: str, expected: str, given: object, good: bool) -> None:
    if not good:
        msg = f"TrackingClips.{argument}: expected {expected}, but got {given!r}"
        raise ValueError(msg)
