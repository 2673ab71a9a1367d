"""Random numbers by address: the same on every machine, in any order, with any number of workers.

Three things make pictures equal to the bit everywhere, and this package keeps to them:

- randomness is raw Philox words, whose stream NumPy guarantees for all versions (NEP 19; the
  distributions of ``Generator`` are not), turned into numbers here;
- floating point means element-wise ``+ - * / sqrt floor abs`` and comparisons in float64, which IEEE 754
  rounds correctly whatever the SIMD width; sums and products of matrices are of integers only;
- cosines and angles come from tables that were rounded to integers far from a tie (tested).
"""

from __future__ import annotations

from enum import IntEnum
from functools import cache

import numpy as np
from numpy.random import Philox
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Bytes = NDArray[np.uint8]

TURN = 1024
"""Steps of a full turn in the cosine table."""

_ONE = 1 << 14


class Domain(IntEnum):
    """First number of an address: the purpose of the numbers. Never renumber: pictures would change."""

    CLASS_TILE = 1
    PRETRAINING_TILE = 2
    CAST = 3
    LAYOUT = 4
    PALETTE = 5
    FINISH = 6
    CLIP = 7


class Draws:
    """The random numbers at one address.

    Args:
        seed: 0 <= seed < 2**64.
        address: a :class:`Domain` and up to two numbers below 2**64; different addresses give independent numbers.
    """

    def __init__(self, seed: int, *address: int) -> None:
        counter = [0, *address, *[0] * (3 - len(address))]
        self._bits = Philox(key=seed, counter=counter)

    def uniform(self, low: float, high: float, *shape: int) -> Floats:
        """float64 of the given shape in [low, high), on a grid of 2**24 steps."""
        return low + (high - low) * (self._words(*shape) >> np.uint64(40)).astype(np.float64) / (1 << 24)

    def integers(self, low: int, high: int, *shape: int) -> Integers:
        """int64 of the given shape in low..high-1; high - low < 2**32."""
        span = np.uint64(high - low)
        return low + ((self._words(*shape) >> np.uint64(32)) * span >> np.uint64(32)).astype(np.int64)

    def number(self, low: float, high: float) -> float:
        """One number in [low, high)."""
        return low + (high - low) * (self._bits.random_raw() >> 40) / (1 << 24)

    def integer(self, low: int, high: int) -> int:
        """One number in low..high-1."""
        return low + ((self._bits.random_raw() >> 32) * (high - low) >> 32)

    def chance(self, probability: float) -> bool:
        """True with the given probability."""
        return self.number(0.0, 1.0) < probability

    def permutation(self, count: int) -> Integers:
        """int64 [count], a random order of 0..count-1."""
        return np.argsort(self._words(count), kind="stable")

    def bytes(self, *shape: int) -> Bytes:
        """uint8 of the given shape, uniform."""
        count = int(np.prod(shape))
        words = self._bits.random_raw(-(-count // 8))
        return words.astype("<u8").view(np.uint8)[:count].reshape(shape)

    def _words(self, *shape: int) -> NDArray[np.uint64]:
        return self._bits.random_raw(shape)


@cache
def _cosines() -> Floats:
    table: Floats = np.rint(np.cos(np.arange(TURN) * (2 * np.pi / TURN)) * _ONE) / _ONE
    return table


def cosine(turns: Floats | float) -> Floats:
    """The cosine of an angle in full turns, from a table of ``TURN`` entries of 14 bits.

    >>> float(cosine(0.5))
    -1.0
    """
    steps = np.floor(np.asarray(turns) * TURN).astype(np.int64)
    values: Floats = _cosines()[steps & (TURN - 1)]
    return values


def sine(turns: Floats | float) -> Floats:
    """The sine of an angle in full turns, from the same table."""
    return cosine(np.asarray(turns) - 0.25)
