"""The data of a configuration in numbers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sansa_lightning.clips.episode import ClassId, Episode
from sansa_lightning.data.datamodule import EpisodeDataModule, Phase
from sansa_lightning.data.formats.notes import Note
from sansa_lightning.data.protocols.base import Pool
from sansa_lightning.data.sources.abilities import image_count, object_count
from sansa_lightning.data.sources.base import Source
from sansa_lightning.describe.overlap import Overlap, overlap

COUNTED = 1000
"""Number of training episodes that are drawn to count them by source and class."""


@dataclass(frozen=True)
class ClassRow:
    """One class of a pool.

    Attributes:
        class_id: its number.
        name: its name.
        images: number of pictures that show it.
        objects: number of its annotated objects in them; None if the source does not tell them apart.
        episodes: number of its episodes among the counted ones.
    """

    class_id: ClassId
    name: str
    images: int
    objects: int | None
    episodes: int


@dataclass(frozen=True)
class PoolSummary:
    """One pool.

    Attributes:
        source: its name, and the place of its data.
        split: of the source.
        rows: its classes, ascending.
        dropped: names of the classes with too few images.
        share: of the episodes, by weight.
        drawn: share of the counted episodes.
        notes: counts of things that the source turned, left out or merged.
    """

    source: str
    split: str
    rows: tuple[ClassRow, ...]
    dropped: tuple[str, ...]
    share: float
    drawn: float
    notes: tuple[Note, ...] = ()


@dataclass(frozen=True)
class Summary:
    """A configuration's data.

    Attributes:
        train: its training pools; none if it can only be tested.
        untrained: the reason in that case.
        test: its test pool.
        counted: numbers of counted training and test episodes.
        overlap: of training and test; None without training.
    """

    train: tuple[PoolSummary, ...]
    untrained: str
    test: PoolSummary
    counted: tuple[int, int]
    overlap: Overlap | None

    @property
    def phases(self) -> tuple[Phase, ...]:
        """The phases that have episodes to show."""
        return ("train", "test") if self.train else ("test",)


def summarise(data: EpisodeDataModule) -> Summary:
    """The summary; sets the datamodule up.

    Raises:
        ValueError: data or manifest do not fit; names the file and the entry.
        FileNotFoundError: data or manifest do not exist.
    """
    data.setup("test")
    test = data.pools("test")[0]
    tested = list(data.episodes("test"))
    train, untrained = _train_pools(data)
    if train:
        data.setup("fit")
    trained = [data.episodes("train")[index] for index in range(COUNTED)] if train else []
    weights = sum(pool.weight for pool in train)
    return Summary(
        train=tuple(_pool(pool, pool.weight / weights, trained) for pool in train),
        untrained=untrained,
        test=_pool(test, 1.0, tested),
        counted=(len(trained), len(tested)),
        overlap=overlap(train, test) if train else None,
    )


def _train_pools(data: EpisodeDataModule) -> tuple[tuple[Pool, ...], str]:
    """The pools to train on, or none and the reason: some datasets have no train split.

    Raises:
        ValueError: there are training data, but something is wrong with them.
    """
    try:
        return data.pools("train"), ""
    except ValueError as error:
        if any(source.classes("train") for source in _train_sources(data)):
            raise
        return (), str(error)


def _train_sources(data: EpisodeDataModule) -> list[Source]:
    """The protocol's own sources, such as those of ``CrossDataset`` and ``Generalist``, else the datamodule's."""
    values = vars(data.protocol).values()
    each = [one for value in values for one in (value.values() if isinstance(value, Mapping) else (value,))]
    return [one for one in each if isinstance(one, Source)] or [data.source]


def _pool(pool: Pool, share: float, episodes: Sequence[Episode]) -> PoolSummary:
    source = pool.source
    drawn = Counter(episode.class_id for episode in episodes if episode.source == source.name)
    rows = tuple(
        ClassRow(
            class_id=class_id,
            name=source.class_name(class_id),
            images=image_count(source, class_id, pool.split),
            objects=object_count(source, class_id, pool.split),
            episodes=drawn[class_id],
        )
        for class_id in pool.classes
    )
    return PoolSummary(
        source=str(source),
        split=pool.split,
        rows=rows,
        dropped=tuple(source.class_name(class_id) for class_id in pool.dropped),
        share=share,
        drawn=drawn.total() / max(len(episodes), 1),
        notes=pool.notes,
    )
