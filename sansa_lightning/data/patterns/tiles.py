"""The tiles of a process, each drawn from its own address at its first use, and then kept."""

from __future__ import annotations

from functools import cache

from sansa_lightning.data.patterns import families, pretraining
from sansa_lightning.data.patterns.draws import Bytes, Domain, Draws
from sansa_lightning.data.patterns.fields import tile

VARIANTS = {"train": range(8), "val": range(8, 12)}
"""Tiles of a class in each split; no tile is in both."""


@cache
def class_tile(seed: int, class_id: int, variant: int) -> Bytes:
    """One tile of a class, uint8 [TEXELS, TEXELS], read-only; 16 kB, about 1 ms at the first use."""
    return _kept(tile(families.FAMILIES[class_id], Draws(seed, Domain.CLASS_TILE, class_id, variant)))


@cache
def pretraining_tile(seed: int, number: int) -> Bytes:
    """One class-free tile, uint8 [TEXELS, TEXELS], read-only; 16 kB, about 5 ms at the first use."""
    family = pretraining.FAMILIES[number % len(pretraining.FAMILIES)]
    return _kept(tile(family, Draws(seed, Domain.PRETRAINING_TILE, number)))


def _kept(drawn: Bytes) -> Bytes:
    drawn.flags.writeable = False
    return drawn
