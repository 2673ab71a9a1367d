"""The contract of a source: three methods, and a new dataset is one file."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from sansa_lightning.clip import ClassId, ImageKey

Split = Literal["train", "val"]
"""Which images: those to train on or those to test on. Which *classes* is a protocol's business."""


class Source(ABC):
    """A dataset: its classes, the images of a class, and one (image, mask) pair at a time.

    A constructor only stores and checks its own arguments; annotation files are read at the first use,
    once, so that objects are cheap to build and to send to workers.
    """

    name: str
    """Short, lower case; written into episodes and manifests."""

    @abstractmethod
    def classes(self, split: Split) -> tuple[ClassId, ...]:
        """All class ids in ascending order; the same for each split unless the dataset says otherwise."""

    @abstractmethod
    def class_name(self, class_id: ClassId) -> str:
        """A person's word for the class."""

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
        return len(self.images(class_id, split))

    def listing(self, split: Split) -> tuple[ClassId, ...]:
        """The classes in the order of the dataset's own list, which published folds go by; ascending if it has none."""
        return self.classes(split)

    def verify(self, split: Split) -> None:  # noqa: B027 - a source without files has nothing to check
        """Check that everything which :meth:`load` will need for a split is there; called before any run.

        Raises:
            FileNotFoundError: a file is missing.
            ValueError: a file is broken.
        """

    def __str__(self) -> str:
        """How messages call the source: its name, and where its data are."""
        return self.name
