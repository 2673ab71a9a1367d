"""Optional abilities of a source, beyond the contract: small protocols, each with a default for all other sources.

A source has an ability if it has its methods; nothing is inherited or registered. Callers use the functions here,
which define the behaviour without the ability.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from sansa_lightning.clips.episode import ClassId, ImageKey
from sansa_lightning.data.formats.notes import Note
from sansa_lightning.data.formats.picture_checks import PictureFiles, Seen
from sansa_lightning.data.sources.base import Source, Split

ObjectMap = tuple[NDArray[np.integer[Any]], tuple[ClassId, ...]]
"""Integers [H, W], 0 background and k + 1 on the k-th object, and the class of each object."""


@runtime_checkable
class KnowsObjects(Protocol):
    """Knows every annotated object in its images, of any class."""

    def objects(self, key: ImageKey) -> ObjectMap:
        """The objects of an image; where they overlap, the pixel belongs to the smaller one.

        Raises:
            KeyError: the key is unknown.
        """


@runtime_checkable
class CountsObjects(Protocol):
    """Tells the objects of a class apart."""

    def object_count(self, class_id: ClassId, split: Split) -> int:
        """The number of annotated objects of the class in its images."""


@runtime_checkable
class HasCrops(Protocol):
    """Has several images of one picture, such as crops of its objects; an episode shows each picture once."""

    def pictures_of(self, class_id: ClassId, split: Split) -> Sequence[ImageKey]:
        """One key for each picture; an episode draws among these, so that it never shows a picture twice."""

    def pick(self, picture: ImageKey, class_id: ClassId, rng: np.random.Generator, split: Split) -> ImageKey:
        """The image to show of a drawn picture.

        Args:
            picture: one of :meth:`pictures_of`.
            class_id: the episode's class.
            rng: randomness of the episode.
            split: of the picture.
        """


@runtime_checkable
class PairsImages(Protocol):
    """Can make images that fit each other."""

    def pair(
        self, reference: ImageKey, target: ImageKey, class_id: ClassId, rng: np.random.Generator, split: Split
    ) -> ImageKey:
        """The target to show after a reference; samplers call it once for every target they draw.

        Args:
            reference: key of the episode's first reference.
            target: key of the drawn target.
            class_id: the episode's class.
            rng: randomness of the episode.
            split: of both.

        Returns:
            A key for ``load``, which determines the image completely.
        """


@runtime_checkable
class HasListing(Protocol):
    """Has a published list of classes, in its own order."""

    def listing(self, split: Split) -> tuple[ClassId, ...]:
        """The classes in the order of the list, on which published folds are based."""


@runtime_checkable
class HasFoldLists(Protocol):
    """Has lists of images for each fold: other images to train on than another fold."""

    def of_fold(self, fold: int, unseen: Collection[ClassId]) -> Source:
        """The source with the lists of a fold.

        Args:
            fold: its number in the lists.
            unseen: its classes to test.
        """


@runtime_checkable
class OrdersImages(Protocol):
    """Has a published list of images, in its own order."""

    def image_list(self, classes: Collection[ClassId], split: Split) -> Sequence[ImageKey]:
        """Keys of the images of any of the classes, each once, in the order of the list."""


@runtime_checkable
class HasFiles(Protocol):
    """Has its images in files."""

    def picture(self, key: ImageKey) -> str:
        """Path of the picture that an image shows, or from which it is cut.

        Raises:
            KeyError: the key is unknown.
        """

    def picture_files(self, split: Split) -> Sequence[PictureFiles]:
        """The files that ``load`` needs for the images of a split, each once.

        Raises:
            FileNotFoundError: a file that lists them is missing.
            ValueError: such a file is broken.
        """

    def check_picture(self, files: PictureFiles) -> Seen:
        """Check that an image's files are whole and of the right size, if possible without decoding them.

        Returns:
            The effects of their EXIF orientations.

        Raises:
            FileNotFoundError: one is missing.
            ValueError: one is broken, truncated or of another size; names it.
        """


@runtime_checkable
class TakesNotes(Protocol):
    """Turns, leaves out or merges some of its data, and counts them."""

    def notes(self, split: Split) -> Sequence[Note]:
        """Counts of things turned, left out or merged in a split; complete after ``verify``."""


@runtime_checkable
class HasFileIds(Protocol):
    """Numbers images and categories differently from its annotation file, and knows the file's ids."""

    def ids_in_file(self, key: ImageKey, class_id: ClassId) -> tuple[Any, Any]:
        """The ids of an image and of a category in the annotation file."""


@runtime_checkable
class HasUnmarked(Protocol):
    """Also has images of which nobody has said what they show."""

    def unmarked(self, class_id: ClassId, split: Split) -> Sequence[ImageKey]:
        """Their keys, in a fixed order; ``load`` gives them a mask that is 255 everywhere."""


def objects_of(source: Source, key: ImageKey) -> ObjectMap | None:
    """Every annotated object of an image; None if the source does not know."""
    return source.objects(key) if isinstance(source, KnowsObjects) else None


def object_count(source: Source, class_id: ClassId, split: Split) -> int | None:
    """The number of annotated objects of the class in its images; None if the source does not tell them apart."""
    return source.object_count(class_id, split) if isinstance(source, CountsObjects) else None


def pictures_of(source: Source, class_id: ClassId, split: Split) -> Sequence[ImageKey]:
    """The keys among which an episode draws; all images, if each shows its own picture."""
    return source.pictures_of(class_id, split) if isinstance(source, HasCrops) else source.images(class_id, split)


def image_count(source: Source, class_id: ClassId, split: Split) -> int:
    """The number of pictures that show the class; fewer than keys if a picture has several."""
    return len(pictures_of(source, class_id, split))


def picked(source: Source, picture: ImageKey, class_id: ClassId, rng: np.random.Generator, split: Split) -> ImageKey:
    """The image to show of one of :func:`pictures_of`."""
    return source.pick(picture, class_id, rng, split) if isinstance(source, HasCrops) else picture


def paired(
    source: Source, reference: ImageKey, target: ImageKey, class_id: ClassId, rng: np.random.Generator, split: Split
) -> ImageKey:
    """The target to show after a reference; unchanged, if the source does not pair images."""
    return source.pair(reference, target, class_id, rng, split) if isinstance(source, PairsImages) else target


def listing(source: Source, split: Split) -> tuple[ClassId, ...]:
    """The classes in the order of the dataset's own list; ascending if it has none."""
    return source.listing(split) if isinstance(source, HasListing) else source.classes(split)


def of_fold(source: Source, fold: int, unseen: Collection[ClassId]) -> Source:
    """The source with the lists of a fold; unchanged, if it has no such lists."""
    return source.of_fold(fold, unseen) if isinstance(source, HasFoldLists) else source


def image_list(source: Source, classes: Collection[ClassId], split: Split) -> Sequence[ImageKey]:
    """Keys of the images of any of the classes, in the order of the dataset's list; ascending if it has none."""
    if isinstance(source, OrdersImages):
        return source.image_list(classes, split)
    return sorted({key for class_id in classes for key in source.images(class_id, split)}, key=str)


def picture_of(source: Source, key: ImageKey) -> str:
    """An identity for the picture that an image shows: the path of its file, if it has one."""
    return source.picture(key) if isinstance(source, HasFiles) else f"{source.name} {key}"


def notes_of(source: Source, split: Split) -> tuple[Note, ...]:
    """Counts of things turned, left out or merged in a split; empty if the source takes no notes."""
    return tuple(source.notes(split)) if isinstance(source, TakesNotes) else ()
