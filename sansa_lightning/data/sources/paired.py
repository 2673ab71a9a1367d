"""What datasets of image files with mask files have in common; one of them is an index and two paths more."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import get_args

import numpy as np
from numpy.typing import NDArray

from sansa_lightning.clip import IGNORE, ClassId, ImageKey
from sansa_lightning.data.formats.mask_files import Endings, check_pair, missing_files, read_labels
from sansa_lightning.data.formats.notes import Note
from sansa_lightning.data.formats.picture_checks import Seen, check_pictures
from sansa_lightning.data.sources.base import PictureFiles, Source, Split
from sansa_lightning.images import read_image
from sansa_lightning.orientation import Exif, check_exif

LOOKS = 3
"""Masks of each class that are looked at before a run."""

Index = dict[ClassId, tuple[str, ...]]
"""Class id -> stems of its images in one split; ids ascending, stems in a fixed order."""


class PairedFiles(Source):
    """A dataset in which each image is a file and each mask is a file.

    A subclass gives the class names and the index of a split, both read when first asked for, and the files of a
    stem. Image keys are ``<split>/<stem>``.

    Args:
        root: the dataset's folder.
        check_files: whether :meth:`verify` opens each file, about half a millisecond a pair from a warm disk.
        exif: what to do about EXIF orientations where the size of the mask does not tell; see ``orientation.Exif``.
    """

    same_size = True
    """Whether a mask must have the size of its image; it is resized else."""

    def __init__(self, root: Path, check_files: bool = True, exif: Exif = "upright") -> None:
        self.root = Path(root)
        self.check_files = check_files
        self.exif = check_exif(type(self).__name__, exif)
        self._class_names: tuple[str, ...] | None = None
        self._indices: dict[Split, Index] = {}
        self._keys: dict[tuple[ClassId, Split], tuple[str, ...]] = {}
        self._stems: dict[Split, frozenset[str]] = {}
        self._picture_notes: dict[Split, tuple[Note, ...]] = {}
        self._endings = Endings()

    def __getstate__(self) -> dict[str, object]:
        """Without the names of all files: workers that are spawned list folders themselves."""
        return self.__dict__ | {"_endings": Endings()}

    def __str__(self) -> str:
        return f"{self.name} in {self.root}"

    @abstractmethod
    def _read_names(self) -> Sequence[str]:
        """The name of each class id from 0 on."""

    @abstractmethod
    def _read_index(self, split: Split) -> Index:
        """The classes and images of a split."""

    @abstractmethod
    def _files(self, split: Split, stem: str, class_id: ClassId) -> tuple[Path, Path]:
        """The image and the mask of a stem; the files' endings may be in another case."""

    @abstractmethod
    def _read_mask(self, path: Path, class_id: ClassId) -> NDArray[np.uint8]:
        """The mask of a class, uint8 [H, W] in {0, 1, 255}."""

    def classes(self, split: Split) -> tuple[ClassId, ...]:
        """Ids of the split's classes, ascending."""
        return tuple(self._index(split))

    def class_name(self, class_id: ClassId) -> str:
        """As the dataset calls it."""
        return self._names[self._known(class_id)]

    def images(self, class_id: ClassId, split: Split) -> Sequence[ImageKey]:
        """Keys of the images of the class, in the order of the index; none if the split does not have the class."""
        wanted = (self._known(class_id), split)
        if wanted not in self._keys:
            self._keys[wanted] = tuple(f"{split}/{stem}" for stem in self._index(split).get(class_id, ()))
        return self._keys[wanted]

    def load(self, key: ImageKey, class_id: ClassId) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        """One image, RGB also where it is stored in grey, with the mask of one class."""
        split, stem = self._find(key)
        image_path, mask_path = self._found(split, stem, self._known(class_id))
        mask = self._read_mask(mask_path, class_id)
        image = read_image(image_path, (mask.shape[0], mask.shape[1]), self.exif, self.same_size)
        return image, self._fitted(mask, image.shape[:2])

    def picture(self, key: ImageKey) -> str:
        """Path of the image file, which is the same for all classes."""
        split, stem = self._find(key)
        return str(self._found(split, stem, 0)[0])

    def verify(self, split: Split) -> None:
        """Check that all files of a split are there and show their classes; with ``check_files``, that they are whole.

        Raises:
            FileNotFoundError: names the first files that are missing and says how many are.
            ValueError: names a file that is broken or an image of another size than its mask, and says how many there
                are; or masks that are empty.
        """
        pictures = self.picture_files(split)
        files = dict.fromkeys(file for each in pictures for file in (each.image, each.mask) if file is not None)
        missing = missing_files(files)
        if missing:
            named = ", ".join(map(str, missing[:3])) + (", ..." if len(missing) > 3 else "")
            msg = f"{self}: {len(missing)} of the {len(files)} files of the {split} split are not there: {named}"
            raise FileNotFoundError(msg)
        if self.check_files:
            self._picture_notes[split] = check_pictures(pictures, self.check_picture)
        self._check_shown(split)

    def notes(self, split: Split) -> Sequence[Note]:
        """What was turned by EXIF; known after :meth:`verify`, and with ``check_files`` only."""
        return self._picture_notes.get(split, ())

    def picture_files(self, split: Split) -> Sequence[PictureFiles]:
        """All images that the index lists, with their masks."""
        index = self._index(split)
        pairs = dict.fromkeys(self._found(split, stem, class_id) for class_id in index for stem in index[class_id])
        return [PictureFiles(image, mask=mask) for image, mask in pairs]

    def check_picture(self, files: PictureFiles) -> Seen:
        """Check an image with its mask."""
        return Seen() if files.mask is None else check_pair(files.image, files.mask, self.same_size, self.exif)

    def _found(self, split: Split, stem: str, class_id: ClassId) -> tuple[Path, Path]:
        """The image and the mask of a stem, as the files are called."""
        image, mask = self._files(split, stem, class_id)
        return self._endings.file(image), self._endings.file(mask)

    def _check_shown(self, split: Split) -> None:
        """Refuse a class whose first masks are all empty: files of other rules than ours.

        A single empty mask is passed: published lists are to be scored as they are.
        """
        for class_id, listed in self._index(split).items():
            masks = [self._found(split, stem, class_id)[1] for stem in listed[:LOOKS]]
            if masks and not any((self._look_at(mask, class_id) == 1).any() for mask in masks):
                name = self.class_name(class_id)
                msg = (
                    f"{masks[0]}: expected a mask that shows {name!r}, for which the {split} split lists it, "
                    f"but it and the next {len(masks) - 1} have none of it; are they of another layout?"
                )
                raise ValueError(msg)

    def _look_at(self, path: Path, class_id: ClassId) -> NDArray[np.uint8]:
        """The mask of a class, read more strictly than :meth:`_read_mask` may do: a list is not wrong all along."""
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

    def _index(self, split: Split) -> Index:
        if split not in self._indices:
            self._check_root()
            self._indices[split] = self._read_index(split)
        return self._indices[split]

    def _check_root(self) -> None:
        if not self.root.is_dir():
            msg = f"{type(self).__name__}.root: {self.root} is not a folder; expected the one with the dataset"
            raise FileNotFoundError(msg)

    def _find(self, key: ImageKey) -> tuple[Split, str]:
        start, _, stem = str(key).partition("/")
        for split in get_args(Split):
            if start == split and stem in self._known_stems(split):
                return split, stem
        msg = f"{self}: unknown image {key!r}; expected a key that images() gives, such as train/<name> or val/<name>"
        raise KeyError(msg)

    def _known_stems(self, split: Split) -> frozenset[str]:
        if split not in self._stems:
            self._stems[split] = frozenset(stem for stems in self._index(split).values() for stem in stems)
        return self._stems[split]

    def _known(self, class_id: ClassId) -> ClassId:
        if not 0 <= class_id < len(self._names):
            msg = f"{self}: unknown class {class_id}; expected 0 to {len(self._names) - 1}"
            raise KeyError(msg)
        return class_id


class LabelMaps(PairedFiles):
    """A dataset with one mask file an image, whose values are class id + 1, and 255 for pixels to ignore.

    Any class may be asked for in any image; the mask is empty where it is not shown.
    """

    def _read_labels(self, path: Path) -> NDArray[np.uint8]:
        """The label map, uint8 [H, W] of 0 to the number of classes, and 255.

        Raises:
            ValueError: it has other values, as one has whose palette was turned to grey; names the file.
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
        split, stem = self._find(key)
        wanted = self._known(class_id) + 1
        return bool((self._read_labels(self._found(split, stem, 0)[1]) == wanted).any())

    def objects(self, key: ImageKey) -> tuple[NDArray[np.integer], tuple[ClassId, ...]]:
        """All of a class in an image is one object here, since label maps do not tell instances apart."""
        split, stem = self._find(key)
        labels = self._read_labels(self._found(split, stem, 0)[1])
        classes = tuple(int(value) - 1 for value in np.unique(labels) if 0 < value <= len(self._names))
        numbers = np.zeros(256, np.uint8)
        numbers[[class_id + 1 for class_id in classes]] = np.arange(1, len(classes) + 1)
        return numbers[labels], classes
