"""The base of datasets of image files with mask files; a dataset adds an index and two paths."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sansa_lightning.clips.episode import ClassId, ImageKey
from sansa_lightning.data.formats.mask_files import Endings, check_pair, read_labels
from sansa_lightning.data.formats.picture_checks import PictureFiles, Seen
from sansa_lightning.data.sources.base import Split
from sansa_lightning.data.sources.file_source import FileSource
from sansa_lightning.images.object_masks import IGNORE
from sansa_lightning.images.orientation import Exif
from sansa_lightning.images.pictures import read_image

LOOKS = 3
"""Number of masks of each class that are looked at before a run."""

Index = dict[ClassId, tuple[str, ...]]
"""Class id -> stems of its images in one split; ids ascending, stems in a fixed order."""


class PairedFiles(FileSource[Index]):
    """A dataset in which each image is a file and each mask is a file.

    A subclass gives the class names and the index of a split, both read when first asked for, and the files of a
    stem. Image keys are ``<split>/<stem>``.

    Args:
        root: the dataset's folder.
        check_files: whether :meth:`verify` opens each file, about half a millisecond per pair from a warm disk.
        exif: what to do about EXIF orientations if the size of the mask does not settle it; see ``orientation.Exif``.
    """

    same_size = True
    """Whether a mask must have the size of its image; otherwise it is resized."""

    def __init__(self, root: Path, check_files: bool = True, exif: Exif = "upright") -> None:
        super().__init__(root, check_files, exif)
        self._class_names: tuple[str, ...] | None = None
        self._endings = Endings()

    def __getstate__(self) -> dict[str, object]:
        """Without the names of all files: spawned workers list folders themselves."""
        return super().__getstate__() | {"_endings": Endings()}

    @abstractmethod
    def _read_names(self) -> Sequence[str]:
        """The name of each class id from 0 on."""

    @abstractmethod
    def _read(self, split: Split) -> Index:
        """The classes and images of a split."""

    @abstractmethod
    def _files(self, split: Split, stem: str, class_id: ClassId) -> tuple[Path, Path]:
        """The image and the mask of a stem; the files' endings may be in another case."""

    @abstractmethod
    def _read_mask(self, path: Path, class_id: ClassId) -> NDArray[np.uint8]:
        """The mask of a class, uint8 [H, W] in {0, 1, 255}."""

    def classes(self, split: Split) -> tuple[ClassId, ...]:
        """Ids of the split's classes, ascending."""
        return tuple(self._listing(split))

    def class_name(self, class_id: ClassId) -> str:
        """The dataset's name for the class."""
        return self._names[self._known(class_id, "val")]

    def load(self, key: ImageKey, class_id: ClassId) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        """One image, RGB even if stored in grey, with the mask of one class."""
        split, stem, _ = self._find(key)
        image_path, mask_path = self._found(split, stem, self._known(class_id, split))
        mask = self._read_mask(mask_path, class_id)
        image = read_image(image_path, (mask.shape[0], mask.shape[1]), self.exif, self.same_size)
        return image, self._fitted(mask, image.shape[:2])

    def picture(self, key: ImageKey) -> str:
        """Path of the image file, which is the same for all classes."""
        split, stem, _ = self._find(key)
        return str(self._found(split, stem, 0)[0])

    def verify(self, split: Split) -> None:
        """Check that all files of a split exist and show their classes and, with ``check_files``, that they are whole.

        Raises:
            FileNotFoundError: names the first missing files and says how many are missing.
            ValueError: names a broken file, or an image of another size than its mask, and says how many there are; or
                names empty masks.
        """
        super().verify(split)
        self._check_shown(split)

    def picture_files(self, split: Split) -> Sequence[PictureFiles]:
        """All images that the index lists, with their masks."""
        index = self._listing(split)
        pairs = dict.fromkeys(self._found(split, stem, class_id) for class_id in index for stem in index[class_id])
        return [PictureFiles(image, mask=mask) for image, mask in pairs]

    def check_picture(self, files: PictureFiles) -> Seen:
        """Check an image with its mask."""
        return Seen() if files.mask is None else check_pair(files.image, files.mask, self.same_size, self.exif)

    def _found(self, split: Split, stem: str, class_id: ClassId) -> tuple[Path, Path]:
        """The image and the mask of a stem, under the files' real names."""
        image, mask = self._files(split, stem, class_id)
        return self._endings.file(image), self._endings.file(mask)

    def _check_shown(self, split: Split) -> None:
        """Refuse a class whose first masks are all empty: such files follow other rules than ours.

        A single empty mask passes: published lists are scored unchanged.
        """
        for class_id, listed in self._listing(split).items():
            masks = [self._found(split, stem, class_id)[1] for stem in listed[:LOOKS]]
            if masks and not any((self._look_at(mask, class_id) == 1).any() for mask in masks):
                name = self.class_name(class_id)
                msg = (
                    f"{masks[0]}: expected a mask that shows {name!r}, for which the {split} split lists it, "
                    f"but it and the next {len(masks) - 1} have none of it; are they of another layout?"
                )
                raise ValueError(msg)

    def _look_at(self, path: Path, class_id: ClassId) -> NDArray[np.uint8]:
        """The mask of a class for this check, which may be read more strictly than :meth:`_read_mask` reads it."""
        return self._read_mask(path, class_id)

    def _fitted(self, mask: NDArray[np.uint8], size: tuple[int, ...]) -> NDArray[np.uint8]:
        """The mask at the size of its image."""
        return mask

    @property
    def _names(self) -> tuple[str, ...]:
        if self._class_names is None:
            self._check_root()
            self._class_names = tuple(self._read_names())
        return self._class_names

    def _names_in(self, listing: Index) -> Iterable[str]:
        return dict.fromkeys(stem for stems in listing.values() for stem in stems)

    def _names_of(self, listing: Index, class_id: ClassId) -> Iterable[str]:
        return listing.get(class_id, ())

    def _known_classes(self, split: Split) -> Collection[ClassId]:
        return range(len(self._names))


class LabelMaps(PairedFiles):
    """A dataset with one mask file per image, with class id + 1 as values and 255 for ignored pixels.

    Any class may be asked for in any image; the mask is empty if the image does not show it.
    """

    def _read_labels(self, path: Path) -> NDArray[np.uint8]:
        """The label map, uint8 [H, W] of 0 to the number of classes, and 255.

        Raises:
            ValueError: it has other values, such as those of a palette turned to grey; names the file.
        """
        labels = read_labels(path, self.exif)
        unknown = labels[(labels > len(self._names)) & (labels != IGNORE)]
        if unknown.size:
            values = f"0 to {len(self._names)} and {IGNORE}"
            msg = f"{path}: expected a label map of {values}, but it has the value {unknown[0]}"
            raise ValueError(msg)
        return labels

    def _read_mask(self, path: Path, class_id: ClassId) -> NDArray[np.uint8]:
        labels = self._read_labels(path)
        mask = (labels == class_id + 1).astype(np.uint8)
        mask[labels == IGNORE] = IGNORE
        return mask

    def shows(self, key: ImageKey, class_id: ClassId) -> bool:
        """Whether the image's label map has a pixel of the class."""
        split, stem, _ = self._find(key)
        wanted = self._known(class_id, split) + 1
        return bool((self._read_labels(self._found(split, stem, 0)[1]) == wanted).any())

    def objects(self, key: ImageKey) -> tuple[NDArray[np.integer], tuple[ClassId, ...]]:
        """One object for each class in the image, since label maps do not tell instances apart."""
        split, stem, _ = self._find(key)
        labels = self._read_labels(self._found(split, stem, 0)[1])
        classes = tuple(int(value) - 1 for value in np.unique(labels) if 0 < value <= len(self._names))
        numbers = np.zeros(256, np.uint8)
        numbers[[class_id + 1 for class_id in classes]] = np.arange(1, len(classes) + 1)
        return numbers[labels], classes
