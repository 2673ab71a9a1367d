"""Which classes train and which test. A protocol turns a source into pools that samplers draw episodes from."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Literal

from sansa_lightning.clip import ClassId
from sansa_lightning.data.sources.base import Source, Split

Stage = Literal["train", "test"]
Layout = Literal["interleaved", "contiguous"]


@dataclass(frozen=True, slots=True)
class Pool:
    """Classes of one source, in one split, to draw episodes from.

    Attributes:
        source: where images come from.
        split: which of its images.
        classes: at least one class id, ascending.
        weight: share among the pools of a mix, > 0; the weights need not add up to 1.
        dropped: classes that were asked for but have too few images.
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

    @classmethod
    def filtered(
        cls, source: Source, split: Split, wanted: Collection[ClassId], min_images: int, what: str, weight: float = 1.0
    ) -> Pool:
        """The pool of those ``wanted`` classes that have at least ``min_images`` images in the split.

        ``min_images`` must not follow the number of references: with 5 references the list of classes would
        be another one than with 1, and so would the folds (spec 4.2).

        Args:
            source: where images come from.
            split: which of its images.
            wanted: class ids; those that the split does not have count as dropped.
            min_images: at least 2, so that an episode has a reference and a target.
            what: name of the list for the error.
            weight: see :class:`Pool`.

        Raises:
            ValueError: no class is left.
        """
        there = set(source.classes(split))
        kept = tuple(c for c in sorted(wanted) if c in there and source.image_count(c, split) >= min_images)
        if not kept:
            msg = (
                f"{what}: none of its {len(wanted)} classes has {min_images} images in the {split} split of {source}; "
                f"expected at least one that has"
            )
            raise ValueError(msg)
        return cls(source, split, kept, weight, tuple(c for c in sorted(wanted) if c not in kept))


class Protocol(ABC):
    """The rule that decides what may be trained on and what is tested."""

    @abstractmethod
    def pools(self, source: Source, stage: Stage) -> tuple[Pool, ...]:
        """Pools to draw episodes from, one or more in training, one in testing.

        Args:
            source: the datamodule's source; a protocol over several holds the others itself.
            stage: "train", or "test" for validation, test and prediction.

        Raises:
            ValueError: a pool would be empty.
        """

    def check(self, shots: int, targets: int) -> None:  # noqa: B027 - most lists of classes follow from the fold alone
        """Check that class lists which follow the length of a clip were asked for the datamodule's.

        Args:
            shots: K, references of a test clip.
            targets: J, targets of a training clip.

        Raises:
            ValueError: they are of another length.
        """


class Strict(Protocol):
    """Train on base classes in the train split, test on the fold's unseen classes in the val split.

    Unseen classes of fold f are, interleaved, those with id mod ``folds`` = f (COCO-20i, LVIS-92i; spec 4.1), or,
    contiguous, the f-th block of ids (PASCAL-5i; spec 4.10). Base classes are all others. Both lists follow from
    ids alone; the filter by ``min_images`` comes after and moves no class from one to the other.

    Args:
        fold: 0 .. folds - 1.
        folds: number of folds, at least 2.
        layout: how ids are dealt to folds.
        min_images: images that a class needs in a split to be drawn there, at least 2.
    """

    def __init__(self, fold: int, folds: int = 4, layout: Layout = "interleaved", min_images: int = 2) -> None:
        if folds < 2 or not 0 <= fold < folds:
            msg = (
                f"{type(self).__name__}.fold: expected 0 to {folds - 1} of at least 2 folds, but got {fold} of {folds}"
            )
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

    def pools(self, source: Source, stage: Stage) -> tuple[Pool, ...]:
        """One pool: base classes to train, unseen classes to test."""
        if stage == "train":
            return (self._pool(source, "train", unseen=False),)
        return (self._pool(source, "val", unseen=True),)

    def is_unseen(self, class_id: ClassId, classes: int) -> bool:
        """Whether a class belongs to the fold, of a source with ids 0 .. classes - 1."""
        if self.layout == "interleaved":
            return class_id % self.folds == self.fold
        return class_id * self.folds // classes == self.fold

    def _pool(self, source: Source, split: Split, *, unseen: bool) -> Pool:
        ids = source.classes(split)
        wanted = [c for c in ids if self.is_unseen(c, max(ids) + 1) == unseen]
        what = f"{type(self).__name__} fold {self.fold}, {'unseen' if unseen else 'base'} classes"
        return Pool.filtered(source, split, wanted, self.min_images, what)


class InDomain(Strict):
    """Train as :class:`Strict` does, test on the same base classes in images of the val split (SANSA Table 4, left)."""

    def pools(self, source: Source, stage: Stage) -> tuple[Pool, ...]:
        """One pool: base classes, in the train or the val split."""
        return (self._pool(source, "train" if stage == "train" else "val", unseen=False),)


class Chosen(Protocol):
    """Train and test on the same few classes in the same split: for checks, with ``data.memorise``, never for a result.

    Args:
        classes: ids, each with at least two images in the split.
        split: whose images.
    """

    def __init__(self, classes: Sequence[ClassId], split: Split = "train") -> None:
        self.classes = tuple(classes)
        self.split = split

    def pools(self, source: Source, stage: Stage) -> tuple[Pool, ...]:
        """One pool, whatever the stage.

        Raises:
            ValueError: a class is unknown or has too few images.
        """
        pool = Pool.filtered(source, self.split, self.classes, 2, "Chosen")
        if pool.dropped:
            msg = f"Chosen.classes: expected classes with 2 images in the {self.split} split, but got {pool.dropped}"
            raise ValueError(msg)
        return (pool,)
