"""One image of the benchmark from its address: its objects, their places, their colours, and its pixels.

Each of the four has its own random address, so that none says anything about another: a palette can be known, or
exchanged, without drawing the image, and the class changes nothing but the tile.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from sansa_lightning.data.patterns.canvas import Body, Coverage, Pixels, Surface, background, expose, paint, texture
from sansa_lightning.data.patterns.draws import Bytes, Domain, Draws, Integers
from sansa_lightning.data.patterns.layout import arrange
from sansa_lightning.data.patterns.palettes import palettes
from sansa_lightning.data.patterns.tiles import VARIANTS, class_tile

PERIOD = (9.0 / 96, 13.0 / 96)
"""Range of the pattern's unit as a share of the image's side."""

TILT = 25 / 360
"""Greatest turn of a pattern either way, in full turns."""

MORE_OBJECTS = 0.5
"""Probability of a third object."""

SECOND_INSTANCE = 0.25
"""Probability that, of three objects, two are of the class."""


@dataclass(frozen=True)
class Scene:
    """One image by its address.

    Attributes:
        seed: of the benchmark.
        split: "train" or "val"; decides which tiles of a class are used.
        class_id: the class of the image.
        index: number of the image in its class and split.
        others: classes of the distractors; ``class_id`` is skipped.
        size: side in pixels.
    """

    seed: int
    split: str
    class_id: int
    index: int
    others: tuple[int, ...]
    size: int

    @cached_property
    def classes(self) -> tuple[int, ...]:
        """The class of each object, from the back to the front; at least one has the image's class."""
        return self._cast[0]

    @property
    def subject(self) -> int:
        """Number of the first object of the image's class."""
        return self.classes.index(self.class_id)

    @cached_property
    def palettes(self) -> Integers:
        """int64 [objects, 2, 3], see :func:`sansa_lightning.data.patterns.palettes.palettes`."""
        return palettes(self._draws(Domain.PALETTE), len(self.classes))

    @cached_property
    def instances(self) -> Bytes:
        """uint8 [size, size]: 0 background, k + 1 the k-th object."""
        return self._arrangement[2]

    def mask(self, class_id: int) -> Bytes:
        """uint8 [size, size], 1 on the objects of a class."""
        members = np.array([0, *(number == class_id for number in self.classes)], dtype=np.uint8)
        return members.take(self.instances)

    def image(self, worn: Integers | None = None) -> Bytes:
        """The pixels, uint8 RGB [size, size, 3].

        Args:
            worn: palettes to draw in, like :attr:`palettes`, which is used if None.
        """
        draws = self._draws(Domain.FINISH)
        bodies, coverages, _ = self._arrangement
        canvas = background(self.size, draws)
        dress(canvas, bodies, coverages, self._surfaces(draws), self.palettes if worn is None else worn)
        return expose(canvas, draws)

    @cached_property
    def _cast(self) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """Class and tile variant of each object."""
        draws = self._draws(Domain.CAST)
        count = 3 if draws.chance(MORE_OBJECTS) else 2
        instances = 2 if count == 3 and draws.chance(SECOND_INSTANCE) else 1
        others = [other for other in self.others if other != self.class_id]
        strangers = draws.permutation(len(others))[: count - instances]
        cast = [self.class_id] * instances + [others[k] for k in strangers]
        order = draws.permutation(count)
        variants = VARIANTS[self.split]
        drawn = draws.integers(variants.start, variants.stop, count)
        return tuple(cast[k] for k in order), tuple(int(variant) for variant in drawn)

    @cached_property
    def _arrangement(self) -> tuple[list[Body], list[Coverage], Bytes]:
        return arrange(self._draws(Domain.LAYOUT), self.size, len(self.classes))

    def _surfaces(self, draws: Draws) -> list[Surface]:
        tiles = [class_tile(self.seed, *member) for member in zip(*self._cast, strict=True)]
        return [lay(draws, tile, self.size) for tile in tiles]

    def _draws(self, domain: Domain) -> Draws:
        place = list(VARIANTS).index(self.split) << 32 | self.class_id
        return Draws(self.seed, domain, self.index, place)


def lay(draws: Draws, tile: Bytes, size: int) -> Surface:
    """A tile in random scale, turn and position."""
    period = draws.number(*PERIOD) * size
    return Surface(tile, period, draws.number(-TILT, TILT), (draws.number(0, 6), draws.number(0, 6)))


def dress(
    canvas: Pixels,
    bodies: Sequence[Body],
    coverages: Sequence[Coverage],
    surfaces: Sequence[Surface],
    worn: Integers,
) -> None:
    """Paint objects on a canvas from the back to the front, in place."""
    for body, coverage, surface, palette in zip(bodies, coverages, surfaces, worn, strict=True):
        paint(canvas, coverage, texture(body, surface, coverage.window), palette)
