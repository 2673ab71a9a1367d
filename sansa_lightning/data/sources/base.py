"""The contract of a source: four methods, and a new dataset is one file. What it may do beyond is in ``abilities``."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from sansa_lightning.clips.episode import ClassId, ImageKey

Split = Literal["train", "val"]
"""Which images: those to train on or those to test on. Which *classes* is a protocol's business."""


class Source(ABC):
    """A dataset: its classes, the images of a class, and one (image, mask) pair at a time.

    A constructor only stores and checks its own arguments; annotation files are read at the first use,
    once, so that objects are cheap to build and to send to workers.
    """

    equal_classes: ClassVar[bool] = False
    """Whether both splits have the same classes, so that one need not be read to know those of the other."""

    name: str
    """Short, lower case; written into episodes and manifests."""

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

    def verify(self, split: Split) -> None:  # noqa: B027 - a source without files has nothing to check
        """Check that everything which :meth:`load` will need for a split is there; called before any run.

        Raises:
            FileNotFoundError: a file is missing.
            ValueError: a file is broken.
        """

    def __str__(self) -> str:
        """How messages call the source: its name, and where its data are."""
        return self.name
