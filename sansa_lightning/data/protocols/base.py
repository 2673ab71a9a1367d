"""Protocols decide which classes train and which test: they turn a source into pools to draw episodes from."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from sansa_lightning.clips.episode import ClassId
from sansa_lightning.data.formats.notes import Note
from sansa_lightning.data.protocols.same_names import (
    check_apart,
    has_images,
    has_split,
    known_classes,
    same_names,
    shared_names,
)
from sansa_lightning.data.sources.abilities import image_count, notes_of, of_fold
from sansa_lightning.data.sources.base import Source, Split

PoolPhase = Literal["train", "test"]
Layout = Literal["interleaved", "contiguous"]


@dataclass(frozen=True, slots=True)
class Pool:
    """Classes of one source, in one split, to draw episodes from.

    Attributes:
        source: of the images.
        split: of the source.
        classes: at least one class id, ascending.
        weight: share among the pools of a mix, > 0; the weights need not add up to 1.
        dropped: wanted classes with too few images.
    """

    source: Source
    split: Split
    classes: tuple[ClassId, ...]
    weight: float = 1.0
    dropped: tuple[ClassId, ...] = ()

    def __post_init__(self) -> None:
        """Check that there is something to draw."""
        if not self.classes or not self.weight > 0:
            msg = (
                f"Pool of {self.source}, {self.split}: expected at least one class and a weight > 0, "
                f"but got {len(self.classes)} classes and weight {self.weight}"
            )
            raise ValueError(msg)

    @property
    def notes(self) -> tuple[Note, ...]:
        """Things that the source turned, left out or merged, and classes that share a name."""
        return (*notes_of(self.source, self.split), *shared_names(self.source, self.classes))

    @classmethod
    def filtered(
        cls, source: Source, split: Split, wanted: Collection[ClassId], min_images: int, what: str, weight: float = 1.0
    ) -> Pool:
        """The pool of those ``wanted`` classes that have at least ``min_images`` images in the split.

        ``min_images`` must not follow the number of references: with 5 references the list of classes would
        be another one than with 1, and so would the folds (docs/sansa.md 4.2).

        Args:
            source: of the images.
            split: of the source.
            wanted: class ids; those missing from the split count as dropped.
            min_images: at least 2, so that an episode has a reference and a target.
            what: name of the list for the error.
            weight: see :class:`Pool`.

        Raises:
            ValueError: no class is left.
        """
        there = set(source.classes(split))
        kept = tuple(c for c in sorted(wanted) if c in there and image_count(source, c, split) >= min_images)
        if not kept:
            few = f"none of its {len(wanted)} classes has {min_images} images" if wanted else "there are no classes"
            told = "".join(f"; {note}" for note in notes_of(source, split))
            msg = f"{what}: {few} in the {split} split of {source}; expected one with at least {min_images}{told}"
            raise ValueError(msg)
        return cls(source, split, kept, weight, tuple(c for c in sorted(wanted) if c not in kept))

    @classmethod
    def joined(cls, pools: Sequence[Pool]) -> Pool:
        """Pools of one source and split as one, with all their classes and all their dropped ones."""
        classes = tuple(sorted({class_id for pool in pools for class_id in pool.classes}))
        dropped = tuple(sorted({class_id for pool in pools for class_id in pool.dropped}))
        return replace(pools[0], classes=classes, dropped=dropped)


class Protocol(ABC):
    """The rule that decides which classes may be trained on and which are tested."""

    @abstractmethod
    def pools(self, source: Source, phase: PoolPhase) -> tuple[Pool, ...]:
        """Pools to draw episodes from: one or more for training, one for testing.

        Args:
            source: the datamodule's source; a protocol over several sources holds the others itself.
            phase: "train", or "test" for validation, test and prediction.

        Raises:
            ValueError: a pool would be empty.
        """

    def check(self, shots: int, targets: int) -> None:  # noqa: B027 - most lists of classes follow from the fold alone
        """Check that class lists that depend on the length of a clip fit the datamodule's clips.

        Args:
            shots: K, references of a test clip.
            targets: J, targets of a training clip.

        Raises:
            ValueError: they are for clips of another length.
        """


class Strict(Protocol):
    """Train on base classes in the train split, test on the fold's unseen classes in the val split.

    Unseen classes of fold f are, interleaved, those with id mod ``folds`` = f (COCO-20i, LVIS-92i; docs/sansa.md 4.1),
    or, contiguous, the f-th block of ids (PASCAL-5i; docs/sansa.md 4.10). Base classes are all others. Both lists
    follow from ids alone; the filter by ``min_images`` comes after and moves no class from one to the other.

    Args:
        fold: 0 .. folds - 1.
        folds: number of folds, at least 2.
        layout: how ids are dealt to folds.
        min_images: images that a class needs in a split to be drawn there, at least 2.
    """

    def __init__(self, fold: int, folds: int = 4, layout: Layout = "interleaved", min_images: int = 2) -> None:
        if folds < 2:
            msg = f"{type(self).__name__}.folds: expected at least 2, one to test and others to train, but got {folds}"
            raise ValueError(msg)
        if not 0 <= fold < folds:
            msg = f"{type(self).__name__}.fold: expected 0 to {folds - 1}, since folds is {folds}, but got {fold}"
            raise ValueError(msg)
        if layout not in ("interleaved", "contiguous"):
            msg = f"{type(self).__name__}.layout: expected 'interleaved' or 'contiguous', but got {layout!r}"
            raise ValueError(msg)
        if min_images < 2:
            msg = f"{type(self).__name__}.min_images: expected at least 2, but got {min_images}"
            raise ValueError(msg)
        self.fold = fold
        self.folds = folds
        self.layout = layout
        self.min_images = min_images

    def pools(self, source: Source, phase: PoolPhase) -> tuple[Pool, ...]:
        """One pool: base classes to train, unseen classes to test.

        Raises:
            ValueError: there are none, or a base class and an unseen class share a name.
        """
        self._check_names(source, "train" if phase == "train" else "val")
        if phase == "train":
            return (self._pool(source, "train", unseen=False),)
        return (self._pool(source, "val", unseen=True),)

    def is_unseen(self, class_id: ClassId, classes: int) -> bool:
        """Whether a class of a source with ids 0 .. classes - 1 belongs to the fold."""
        return self._fold_of(class_id, classes) == self.fold

    def _fold_of(self, class_id: ClassId, classes: int) -> int:
        return class_id % self.folds if self.layout == "interleaved" else class_id * self.folds // classes

    def _number(self, source: Source, split: Split) -> int:
        """The number of ids dealt to folds: for blocks, the ids of both splits, so that a class has one fold in both.

        For interleaved ids their number does not matter, and the other split is not read for it.
        """
        dealt = known_classes(source, split) if self.layout == "contiguous" else source.classes(split)
        return max(dealt, default=-1) + 1

    def _pool(self, source: Source, split: Split, *, unseen: bool) -> Pool:
        ids = source.classes(split)
        number = self._number(source, split)
        wanted = [c for c in ids if self.is_unseen(c, number) == unseen]
        if not wanted and ids:
            raise ValueError(self._nothing(source, split, ids))
        lists = of_fold(source, self.fold, [c for c in ids if self.is_unseen(c, number)])
        what = f"{type(self).__name__} fold {self.fold}, {'unseen' if unseen else 'base'} classes"
        return Pool.filtered(lists, split, wanted, self.min_images, what)

    def _nothing(self, source: Source, split: Split, ids: Sequence[ClassId]) -> str:
        """The reason why there is no class to train or to test."""
        name = type(self).__name__
        if len(ids) == 1:
            return (
                f"{name} needs two classes at least, to train on one and to test another, but the {split} split of "
                f"{source} has one, {source.class_name(ids[0])!r}; AllClasses trains and tests the same ones"
            )
        number = self._number(source, split)
        fitting = sorted({self._fold_of(class_id, number) for class_id in ids})
        return (
            f"{name}.fold: fold {self.fold} of {self.folds} has none of the {len(ids)} classes in the {split} split of "
            f"{source}; expected one of {', '.join(map(str, fitting))}, or fewer folds"
        )

    def _check_names(self, source: Source, split: Split) -> None:
        known = known_classes(source, split)
        shared = [class_id for group in same_names(source, known) for class_id in group]
        if not shared:
            return
        trained_in: Split = "train" if has_split(source, "train") else "val"
        number = self._number(source, split)
        unseen = {c for c in shared if self.is_unseen(c, number)}
        trained = [c for c in shared if c not in unseen and has_images(source, c, trained_in, self.min_images)]
        tested = [c for c in unseen if has_images(source, c, "val", self.min_images)]
        check_apart(f"{type(self).__name__} fold {self.fold}", source, trained, tested)


class InDomain(Strict):
    """Train like :class:`Strict`, test on the same base classes in images of the val split (SANSA Table 4, left)."""

    def pools(self, source: Source, phase: PoolPhase) -> tuple[Pool, ...]:
        """One pool: base classes, in the train or the val split."""
        return (self._pool(source, "train" if phase == "train" else "val", unseen=False),)


class Chosen(Protocol):
    """Train and test on the same few classes in the same split: for checks, with ``data.memorise``, never for a result.

    Args:
        classes: ids, each with at least two images in the split.
        split: of the images.
    """

    def __init__(self, classes: Sequence[ClassId], split: Split = "train") -> None:
        self.classes = tuple(classes)
        self.split = split

    def pools(self, source: Source, phase: PoolPhase) -> tuple[Pool, ...]:
        """One pool, whatever the phase.

        Raises:
            ValueError: a class is unknown or has too few images.
        """
        pool = Pool.filtered(source, self.split, self.classes, 2, "Chosen")
        if pool.dropped:
            msg = f"Chosen.classes: expected classes with 2 images in the {self.split} split, but got {pool.dropped}"
            raise ValueError(msg)
        return (pool,)
