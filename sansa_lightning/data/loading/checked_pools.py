"""The pools of a datamodule: a protocol's, checked once, with what is printed and recorded of them."""

from __future__ import annotations

from collections import defaultdict

from lightning.pytorch.utilities import rank_zero_info

from sansa_lightning.data.formats.notes import Note, as_counts
from sansa_lightning.data.protocols.base import Pool, PoolPhase, Protocol
from sansa_lightning.data.sources.abilities import image_list
from sansa_lightning.data.sources.base import Source
from sansa_lightning.files.messages import counted


class CheckedPools:
    """The pools of each phase.

    Args:
        protocol: makes them.
        source: that the protocol is given.
    """

    def __init__(self, protocol: Protocol, source: Source) -> None:
        self.protocol = protocol
        self.source = source
        self._pools: dict[PoolPhase, tuple[Pool, ...]] = {}
        self._told: set[tuple[str, Note]] = set()

    def of(self, phase: PoolPhase) -> tuple[Pool, ...]:
        """The pools of a phase; prints the classes that have too few images and were left out.

        Raises:
            ValueError: two sources have the same name, or there is more than one pool to test.
        """
        if phase not in self._pools:
            pools = self.protocol.pools(self.source, phase)
            sources = {id(pool.source): pool.source for pool in pools}
            names = [source.name for source in sources.values()]
            if len(set(names)) < len(names) or (phase == "test" and len(pools) != 1):
                msg = (
                    f"{type(self.protocol).__name__}: expected sources of different names, and one pool to test, "
                    f"but got {len(pools)} pools of {names}"
                )
                raise ValueError(msg)
            for pool in pools:
                pool.source.verify(pool.split)
                rank_zero_info(_describe(pool, phase))
                for note in pool.notes:
                    if (pool.source.name, note) not in self._told:  # both splits may come from one file
                        rank_zero_info(f"{phase}: {pool.source}, {pool.split} split: {note}")
                    self._told.add((pool.source.name, note))
            self._pools[phase] = pools
        return self._pools[phase]

    @property
    def notes(self) -> dict[str, dict[str, int]]:
        """Counts of what the sources turned, left out or merged so far: ``<source>/<split>`` -> kind -> number."""
        alike: dict[str, list[Pool]] = defaultdict(list)
        for pool in (pool for pools in self._pools.values() for pool in pools):
            alike[f"{pool.source.name}/{pool.split}"].append(pool)
        found: dict[str, dict[str, int]] = {}
        for key, pools in alike.items():
            pool = Pool.joined(pools)  # cases in both training and test pools count once
            few = [Note("classes left out, with too few images", len(pool.dropped), "")] if pool.dropped else []
            counts = as_counts([*pool.notes, *few])
            if counts:
                found[key] = counts
        return found


def images_in(pools: tuple[Pool, ...]) -> int:
    """The number of images of pools, each once in its pool."""
    return sum(len(image_list(pool.source, pool.classes, pool.split)) for pool in pools)


def _describe(pool: Pool, phase: PoolPhase) -> str:
    many = counted(len(pool.classes), "class", "classes")
    text = f"{phase}: {many} in the {pool.split} split of {pool.source}"
    if pool.dropped:
        names = ", ".join(pool.source.class_name(class_id) for class_id in pool.dropped)
        text += f"; {len(pool.dropped)} left out, with too few images: {names}"
    return text
