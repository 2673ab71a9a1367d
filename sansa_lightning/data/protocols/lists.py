"""Folds by a class's position in a list instead of its number: LVIS-92i and PACO-Part."""

from __future__ import annotations

from abc import abstractmethod
from typing import ClassVar

from lightning.pytorch.utilities import rank_zero_warn

from sansa_lightning.clips.episode import ClassId
from sansa_lightning.data.protocols.base import Pool, PoolPhase, Protocol
from sansa_lightning.data.protocols.same_names import check_apart
from sansa_lightning.data.sources.abilities import image_count, listing
from sansa_lightning.data.sources.base import Source, Split


class ListFolds(Protocol):
    """Test on the fold's classes, which a subclass chooses, and train on the others.

    The lists hold the classes with at least ``min_images`` pictures, whatever the number of references, so that no
    class is trained in one run and tested in another of the same fold.

    The published lists are of classes with *more than K* pictures, with K = ``shots`` when testing and
    K = ``targets`` when training (docs/sansa.md 4.2): positions shift, and tested classes are trained on.
    ``released_lists`` gives these, to score published adapters on the classes that their numbers are means of.

    Args:
        fold: 0 .. ``FOLDS`` - 1.
        min_images: pictures that a class needs in a split to be in its list, at least 2.
        released_lists: take the published lists, in the order of the annotation files, which is the published order for
            the pickles (``LvisReleased``, ``PacoPartReleased``); warns of the classes that leak.
        shots: the value of ``data.shots``, used and checked only with ``released_lists``.
        targets: the value of ``data.train_targets``, likewise.
    """

    FOLDS: ClassVar[int]
    """Number of the benchmark's folds; not an argument, which a configuration would inherit from another protocol."""

    def __init__(
        self, fold: int, *, min_images: int = 2, released_lists: bool = False, shots: int = 1, targets: int = 3
    ) -> None:
        if not 0 <= fold < self.FOLDS:
            msg = f"{type(self).__name__}.fold: expected 0 to {self.FOLDS - 1}, but got {fold}"
            raise ValueError(msg)
        if min_images < 2 or min(shots, targets) < 1:
            msg = (
                f"{type(self).__name__}: expected min_images of at least 2, and shots and targets of at least 1, "
                f"but got {min_images}, {shots} and {targets}"
            )
            raise ValueError(msg)
        self.fold = fold
        self.min_images = min_images
        self.released_lists = released_lists
        self.shots = shots
        self.targets = targets

    def check(self, shots: int, targets: int) -> None:
        """See :meth:`Protocol.check`."""
        for key, value, wanted in (("shots", self.shots, shots), ("targets", self.targets, targets)):
            if self.released_lists and value != wanted:
                msg = (
                    f"{type(self).__name__}.{key}: released_lists depend on a clip's length; expected {wanted}, as "
                    f"data.{'shots' if key == 'shots' else 'train_targets'}, but got {value}"
                )
                raise ValueError(msg)

    def pools(self, source: Source, phase: PoolPhase) -> tuple[Pool, ...]:
        """One pool: base classes to train, unseen classes to test.

        Raises:
            ValueError: there are none, or a base class and an unseen class share a name.
        """
        tested = self._unseen(source, self._least(self.shots))
        held_out = self._unseen(source, self._least(self.targets))
        wanted = [c for c in self._base(source, self._least(self.targets)) if c not in held_out]
        if self.released_lists:
            leaking = len(set(wanted) & set(tested))
            rank_zero_warn(
                f"{type(self).__name__}.released_lists: {leaking} of the {len(tested)} classes tested are among those "
                f"trained on; lists are in the order of {source}"
            )
        trained = [class_id for class_id in wanted if image_count(source, class_id, "train") >= 2]
        check_apart(f"{type(self).__name__} fold {self.fold}", source, trained, tested)
        if phase == "train":
            return (self._pool(source, "train", wanted, "base"),)
        return (self._pool(source, "val", tested, "unseen"),)

    @abstractmethod
    def _unseen(self, source: Source, least: int) -> list[ClassId]:
        """The classes to test, if lists hold the classes with at least ``least`` pictures."""

    @abstractmethod
    def _base(self, source: Source, least: int) -> list[ClassId]:
        """The classes to train, still with the held-out ones."""

    def _eligible(self, source: Source, split: Split, least: int) -> list[ClassId]:
        """The list of a split: its classes with at least ``least`` pictures."""
        ordered = listing(source, split) if self.released_lists else source.classes(split)
        return [class_id for class_id in ordered if image_count(source, class_id, split) >= least]

    def _dealt(self, classes: list[ClassId]) -> list[ClassId]:
        """The classes at positions fold, fold + FOLDS, ...; equally many per fold, the remainder in none."""
        return classes[self.fold : len(classes) // self.FOLDS * self.FOLDS : self.FOLDS]

    def _least(self, images: int) -> int:
        return images + 1 if self.released_lists else self.min_images

    def _pool(self, source: Source, split: Split, wanted: list[ClassId], kind: str) -> Pool:
        what = f"{type(self).__name__} fold {self.fold}, {kind} classes"
        return Pool.filtered(source, split, wanted, 2, what)


class StrictByPosition(ListFolds):
    """LVIS-92i (docs/sansa.md 4.2): the fold is dealt from the val classes; training has the other train classes.

    Of LVIS v1's val classes, 920 have two pictures or more: 10 folds of 92. Arguments as for :class:`ListFolds`.
    """

    FOLDS = 10

    def _unseen(self, source: Source, least: int) -> list[ClassId]:
        return self._dealt(self._eligible(source, "val", least))

    def _base(self, source: Source, least: int) -> list[ClassId]:
        return self._eligible(source, "train", least)


class StrictByTrainPosition(ListFolds):
    """PACO-Part (docs/sansa.md 4.5): the fold is dealt from the train list, and tests those that val has pictures of.

    Each of 4 folds has 112 of the 448 train classes; about 76 of them can be tested, the others may be trained on.
    Arguments as for :class:`ListFolds`; ``min_images`` counts val pictures.
    """

    FOLDS = 4

    def dealt(self, source: Source) -> list[ClassId]:
        """The fold's share of the train list, including classes that cannot be tested."""
        return self._dealt(self._eligible(source, "train", 1))

    def _unseen(self, source: Source, least: int) -> list[ClassId]:
        testable = set(self._eligible(source, "val", least))
        return [class_id for class_id in self.dealt(source) if class_id in testable]

    def _base(self, source: Source, least: int) -> list[ClassId]:
        return self._eligible(source, "train", 1)
