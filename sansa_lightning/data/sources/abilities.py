"""What a source may be able to do beyond the contract: small protocols, each with what holds for all other sources.

A source has an ability by having its methods; nothing is to be inherited or registered. Callers ask by the functions
here, which say what is done without the ability.
"""

from __future__ import annotations

from collections.abc import Sequence
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
    """Knows every annotated object of all its images, of whatever class."""

    def objects(self, key: ImageKey) -> ObjectMap:
        """The objects of an image; where they overlap, the smaller one has the pixel.

        Raises:
            KeyError: the key is unknown.
        """


@runtime_checkable
class CountsObjects(Protocol):
    """Tells the objects of a class apart."""

    def object_count(self, class_id: ClassId, split: Split) -> int:
        """How many annotated objects of the class its images show."""


@runtime_checkable
class HasCrops(Protocol):
    """Has several images of one picture, such as crops of its objects; an episode shows each picture once."""

    def pictures_of(self, class_id: ClassId, split: Split) -> Sequence[ImageKey]:
        """What the images of an episode are drawn among, so that no two show the same picture."""

    def pick(self, picture: ImageKey, class_id: ClassId, rng: np.random.Generator, split: Split) -> ImageKey:
        """The image to show of a picture that was drawn.

        Args:
            picture: one of :meth:`pictures_of`.
            class_id: the episode's class.
            rng: randomness of the episode.
            split: that it was drawn from.
        """


@runtime_checkable
class PairsImages(Protocol):
    """Has images that can be made for each other."""

    def pair(
        self, reference: ImageKey, target: ImageKey, class_id: ClassId, rng: np.random.Generator, split: Split
    ) -> ImageKey:
        """The target as it is to be shown after a reference; samplers call it once for every target they draw.

        Args:
            reference: key of the episode's first reference.
            target: key of the drawn target.
            class_id: the episode's class.
            rng: randomness of the episode.
            split: that both are drawn from.

        Returns:
            A key for ``load``, the whole of what the image depends on.
        """


@runtime_checkable
class HasListing(Protocol):
    """Has a published list of classes, in an order of its own."""

    def listing(self, split: Split) -> tuple[ClassId, ...]:
        """The classes in the order of the list, which published folds go by."""


@runtime_checkable
class HasFiles(Protocol):
    """Has its images in files."""

    def picture(self, key: ImageKey) -> str:
        """Path of the picture that an image shows, or is cut out of.

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
        """Check that an image's files are whole and of the right size, decoding only where that cannot be avoided.

        Returns:
            What their EXIF orientations do.

        Raises:
            FileNotFoundError: one is missing.
            ValueError: one is broken, truncated or of another size; names it.
        """


@runtime_checkable
class TakesNotes(Protocol):
    """Turns, leaves out or merges some of its data, and counts them."""

    def notes(self, split: Split) -> Sequence[Note]:
        """What was turned, left out or merged in a split; complete after ``verify``."""


@runtime_checkable
class HasFileIds(Protocol):
    """Numbers images and categories otherwise than its annotation file, and knows the file's ids."""

    def ids_in_file(self, key: ImageKey, class_id: ClassId) -> tuple[Any, Any]:
        """The ids of an image and of a category as the annotation file has them."""


def objects_of(source: Source, key: ImageKey) -> ObjectMap | None:
    """Every annotated object of an image; None if the source does not know."""
    return source.objects(key) if isinstance(source, KnowsObjects) else None


def object_count(source: Source, class_id: ClassId, split: Split) -> int | None:
    """How many annotated objects of the class its images show; None if the source does not tell them apart."""
    return source.object_count(class_id, split) if isinstance(source, CountsObjects) else None


def pictures_of(source: Source, class_id: ClassId, split: Split) -> Sequence[ImageKey]:
    """What the images of an episode are drawn among; the images themselves, if each is of a picture of its own."""
    return source.pictures_of(class_id, split) if isinstance(source, HasCrops) else source.images(class_id, split)


def image_count(source: Source, class_id: ClassId, split: Split) -> int:
    """How many pictures show the class: fewer than there are keys where one picture has several."""
    return len(pictures_of(source, class_id, split))


def picked(source: Source, picture: ImageKey, class_id: ClassId, rng: np.random.Generator, split: Split) -> ImageKey:
    """The image to show of one of :func:`pictures_of`."""
    return source.pick(picture, class_id, rng, split) if isinstance(source, HasCrops) else picture


def paired(
    source: Source, reference: ImageKey, target: ImageKey, class_id: ClassId, rng: np.random.Generator, split: Split
) -> ImageKey:
    """The target as it is to be shown after a reference; as it is, if images are not made for each other."""
    return source.pair(reference, target, class_id, rng, split) if isinstance(source, PairsImages) else target


def listing(source: Source, split: Split) -> tuple[ClassId, ...]:
    """The classes in the order of the dataset's own list; ascending if it has none."""
    return source.listing(split) if isinstance(source, HasListing) else source.classes(split)


def picture_of(source: Source, key: ImageKey) -> str:
    """What tells the picture that an image shows from all others: the path of its file, if it has one."""
    return source.picture(key) if isinstance(source, HasFiles) else f"{source.name} {key}"


def notes_of(source: Source, split: Split) -> tuple[Note, ...]:
    """What was turned, left out or merged in a split; nothing, if the source takes no notes."""
    return tuple(source.notes(split)) if isinstance(source, TakesNotes) else ()
