"""The contract of a source: four methods, so that a new dataset is one file. Optional ones are in ``abilities``."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from sansa_lightning.clips.episode import ClassId, ImageKey

Split = Literal["train", "val"]
"""The images to train on or to test on. The *classes* are a protocol's business."""


class Source(ABC):
    """A dataset: its classes, the images of a class, and one (image, mask) pair at a time.

    A constructor only stores and checks its own arguments. Annotation files are read once, at the first use, so that
    sources are cheap to build and to send to workers.
    """

    equal_classes: ClassVar[bool] = False
    """Whether both splits have the same classes; then reading one is enough to know them."""

    name: str
    """Short, lower case; written into episodes and manifests."""

    @abstractmethod
    def classes(self, split: Split) -> tuple[ClassId, ...]:
        """All class ids in ascending order; the same for each split unless the dataset says otherwise."""

    @abstractmethod
    def class_name(self, class_id: ClassId) -> str:
        """The name of the class, for people."""

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
        """Whether an image shows an object of a class, as far as the dataset knows."""
        return bool((self.load(key, class_id)[1] == 1).any())

    def verify(self, split: Split) -> None:  # noqa: B027 - a source without files has nothing to check
        """Check that everything that :meth:`load` needs for a split is there; called before any run.

        Raises:
            FileNotFoundError: a file is missing.
            ValueError: a file is broken.
        """

    def __str__(self) -> str:
        """The source in messages: its name, and the place of its data."""
        return self.name
