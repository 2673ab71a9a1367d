"""The contract of a source: three methods, and a new dataset is one file."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from sansa_lightning.clip import ClassId, ImageKey
from sansa_lightning.data.formats.notes import Note
from sansa_lightning.data.formats.picture_checks import Seen
from sansa_lightning.images import check_image
from sansa_lightning.orientation import Exif

Split = Literal["train", "val"]
"""Which images: those to train on or those to test on. Which *classes* is a protocol's business."""


@dataclass(frozen=True, slots=True)
class PictureFiles:
    """The files behind an image.

    Attributes:
        image: the picture.
        size: (H, W) in pixels that its annotations are drawn for; (0, 0) where the mask file has it.
        mask: its mask, where that is a file of its own.
    """

    image: Path
    size: tuple[int, int] = (0, 0)
    mask: Path | None = None


class Source(ABC):
    """A dataset: its classes, the images of a class, and one (image, mask) pair at a time.

    A constructor only stores and checks its own arguments; annotation files are read at the first use,
    once, so that objects are cheap to build and to send to workers.
    """

    equal_classes: ClassVar[bool] = False
    """Whether both splits have the same classes, so that one need not be read to know those of the other."""

    name: str
    """Short, lower case; written into episodes and manifests."""

    exif: Exif = "upright"
    """What is done about EXIF orientations where sizes do not tell; see ``orientation.Exif``."""

    @abstractmethod
    def classes(self, split: Split) -> tuple[ClassId, ...]:
        """All class ids in ascending order; the same for each split unless the dataset says otherwise."""

    @abstractmethod
    def class_name(self, class_id: ClassId) -> str:
        """A person's word for the class."""

    def class_label(self, class_id: ClassId) -> str:
        """Name and number of a class, for messages."""
        return f"{self.class_name(class_id)!r}, class {class_id}"

    @abstractmethod
    def images(self, class_id: ClassId, split: Split) -> Sequence[ImageKey]:
        """Keys of the images that show the class, in a fixed order, without repetition."""

    @abstractmethod
    def load(self, key: ImageKey, class_id: ClassId) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        """One image with the mask of one class.

        Returns:
            The image, uint8 RGB [H, W, 3], and the mask, uint8 [H, W] in {0, 1, 255 = ignore}.

        Raises:
            KeyError: the key or class is unknown.
            FileNotFoundError: the image file is missing.
            ValueError: the image file cannot be decoded; names the file.
        """

    def shows(self, key: ImageKey, class_id: ClassId) -> bool:
        """Whether an image shows an object of a class, as far as the dataset says."""
        return bool((self.load(key, class_id)[1] == 1).any())

    def objects(self, key: ImageKey) -> tuple[NDArray[np.integer], tuple[ClassId, ...]] | None:
        """Every annotated object of an image, of whatever class; None if the dataset does not know, as here.

        A source knows of all its images or of none.

        Returns:
            Integers [H, W], 0 background and k + 1 on the k-th object, and the class of each object. Where objects
            overlap, the smaller one has the pixel.

        Raises:
            KeyError: the key is unknown.
        """
        return None

    def pictures_of(self, class_id: ClassId, split: Split) -> Sequence[ImageKey]:
        """What the images of an episode are drawn among, so that no two show the same picture: here all images.

        A source with several images of one picture gives something else here, and overrides :meth:`pick`.
        """
        return self.images(class_id, split)

    def pick(self, picture: ImageKey, class_id: ClassId, rng: np.random.Generator, split: Split) -> ImageKey:
        """The image to show of a picture that was drawn.

        Args:
            picture: one of :meth:`pictures_of`.
            class_id: the episode's class.
            rng: randomness of the episode.
            split: that it was drawn from.
        """
        return picture

    def pair(
        self, reference: ImageKey, target: ImageKey, class_id: ClassId, rng: np.random.Generator, split: Split
    ) -> ImageKey:
        """The target as it is to be shown after a reference; samplers call it once for every target they draw.

        For sources whose images can be made for each other; here it is the target as it is.

        Args:
            reference: key of the episode's first reference.
            target: key of the drawn target.
            class_id: the episode's class.
            rng: randomness of the episode.
            split: that both are drawn from.

        Returns:
            A key for :meth:`load`, the whole of what the image depends on.
        """
        return target

    def image_count(self, class_id: ClassId, split: Split) -> int:
        """How many pictures show the class: fewer than there are keys where one picture has several."""
        return len(self.pictures_of(class_id, split))

    def object_count(self, class_id: ClassId, split: Split) -> int | None:
        """How many annotated objects of the class its images show; None if the dataset does not tell them apart."""
        return None

    def picture(self, key: ImageKey) -> str:
        """What tells the picture that an image shows, or is cut out of, from all others: the path of its file, if any.

        Raises:
            KeyError: the key is unknown.
        """
        return f"{self.name} {key}"

    def listing(self, split: Split) -> tuple[ClassId, ...]:
        """The classes in the order of the dataset's own list, which published folds go by; ascending if it has none."""
        return self.classes(split)

    def picture_files(self, split: Split) -> Sequence[PictureFiles]:
        """The files that :meth:`load` needs for the images of a split, each once; none if the source has no files.

        Raises:
            FileNotFoundError: a file that lists them is missing.
            ValueError: such a file is broken.
        """
        return ()

    def check_picture(self, files: PictureFiles) -> Seen:
        """Check that an image's files are whole and of the right size, decoding only where that cannot be avoided.

        Returns:
            What their EXIF orientations do.

        Raises:
            FileNotFoundError: one is missing.
            ValueError: one is broken, truncated or of another size; names it.
        """
        return Seen(check_image(files.image, files.size, self.exif).turn)

    def verify(self, split: Split) -> None:  # noqa: B027 - a source without files has nothing to check
        """Check that everything which :meth:`load` will need for a split is there; called before any run.

        Raises:
            FileNotFoundError: a file is missing.
            ValueError: a file is broken.
        """

    def notes(self, split: Split) -> Sequence[Note]:
        """What was turned, left out or merged in a split; complete after :meth:`verify`. Here nothing."""
        return ()

    def __str__(self) -> str:
        """How messages call the source: its name, and where its data are."""
        return self.name
