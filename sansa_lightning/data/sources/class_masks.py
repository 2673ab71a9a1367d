"""The base of datasets with a mask file for each image and class."""

from __future__ import annotations

from abc import abstractmethod
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sansa_lightning.clips.episode import ClassId, ImageKey
from sansa_lightning.data.formats.mask_files import read_object_mask, read_published_mask
from sansa_lightning.data.sources.base import Split
from sansa_lightning.data.sources.paired import Index, PairedFiles


class ClassMasks(PairedFiles):
    """A dataset with a mask file for each image and class, see ``object_masks``; other classes may not be asked for."""

    def load(self, key: ImageKey, class_id: ClassId) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        """One image, RGB even if stored in grey, with its mask of a class that it is annotated for."""
        split, stem, _ = self._find(key)
        if stem not in self._listing(split).get(self._known(class_id, split), ()):
            shown = ", ".join(str(other) for other, stems in self._listing(split).items() if stem in stems)
            msg = f"{self}: {key!r} has no mask of class {class_id}; expected class {shown}"
            raise KeyError(msg)
        return super().load(key, class_id)

    def shows(self, key: ImageKey, class_id: ClassId) -> bool:
        """Whether the image has a mask of the class."""
        split, stem, _ = self._find(key)
        return stem in self._listing(split).get(self._known(class_id, split), ())

    def _read_mask(self, path: Path, class_id: ClassId) -> NDArray[np.uint8]:
        return read_published_mask(path, self.exif)

    def _look_at(self, path: Path, class_id: ClassId) -> NDArray[np.uint8]:
        return read_object_mask(path, self.exif).mask


class EvaluationOnly(ClassMasks):
    """A dataset of another domain without a train split, for tests alone (docs/sansa.md 4.7 to 4.9)."""

    def _read(self, split: Split) -> Index:
        return {} if split == "train" else self._read_test_index()

    @abstractmethod
    def _read_test_index(self) -> Index:
        """The classes and images."""
