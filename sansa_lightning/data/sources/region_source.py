"""The base of sources whose annotations are regions in pictures, or in windows around single objects."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sansa_lightning.clips.episode import ClassId, ImageKey
from sansa_lightning.data.formats.annotations.regions import Regions
from sansa_lightning.data.formats.notes import Note
from sansa_lightning.data.formats.picture_checks import PictureFiles
from sansa_lightning.data.sources.base import Split
from sansa_lightning.data.sources.file_source import FileSource
from sansa_lightning.images.orientation import Exif
from sansa_lightning.images.pictures import read_image

_SPLITS: tuple[Split, ...] = ("val", "train")


class RegionSource(FileSource[Regions]):
    """Pictures with regions of classes; a dataset adds the reader of its annotations.

    Args:
        root: the dataset's folder.
        folders: of each split's pictures, below ``root``.
        check_files: whether :meth:`verify` opens each picture, about 0.1 ms each from a warm disk.
        name: of the source.
        exif: what to do about EXIF orientations if the annotations' size does not settle it; see ``orientation.Exif``.
        min_area: least area of the union of a class's objects, in pixels of the picture, for an image to count as
            showing the class.
    """

    def __init__(
        self,
        root: Path,
        folders: Mapping[Split, str],
        check_files: bool,
        name: str,
        exif: Exif = "upright",
        min_area: float = 0.0,
    ) -> None:
        super().__init__(root, check_files, exif)
        self.name = name
        self.folders = {split: self.root / folder for split, folder in folders.items()}
        self.min_area = min_area

    def classes(self, split: Split) -> tuple[ClassId, ...]:
        """The classes in the split's annotations."""
        return self._listing(split).classes

    def listing(self, split: Split) -> tuple[ClassId, ...]:
        """The classes in the order of the split's annotation file."""
        return tuple(self._listing(split).names)

    def class_name(self, class_id: ClassId) -> str:
        """The dataset's name for the class."""
        splits = sorted(_SPLITS, key=lambda split: split not in self._listings)
        for split in splits[:1] if self.equal_classes else splits:
            if class_id in self._listing(split).names:
                return self._listing(split).names[class_id]
        raise self._unknown(class_id, {number for table in self._listings.values() for number in table.names})

    def load(self, key: ImageKey, class_id: ClassId) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        """One image, RGB even if stored in grey and cut to its window, with the mask of one class."""
        split, table, view = self._view(key)
        known = self._known(class_id, split)
        height, width = table.sizes[view].tolist()
        image = read_image(self.folders[split] / table.files[view], (height, width), self.exif)
        mask = table.mask(view, known)
        x0, y0, x1, y1 = table.windows[view].tolist()
        return image[y0:y1, x0:x1], mask[y0:y1, x0:x1]

    def object_count(self, class_id: ClassId, split: Split) -> int:
        """The number of objects (or parts) of the class in its images, without crowds."""
        return self._listing(split).objects_of(self._known(class_id, split), self.min_area)

    def picture(self, key: ImageKey) -> str:
        """Path of the picture."""
        split, table, view = self._view(key)
        return str(self.folders[split] / table.files[view])

    def shows(self, key: ImageKey, class_id: ClassId) -> bool:
        """Whether an object of the class, not only a crowd, is in the image's window."""
        split, table, view = self._view(key)
        return table.shows(view, self._known(class_id, split))

    def objects(self, key: ImageKey) -> tuple[NDArray[np.integer], tuple[ClassId, ...]]:
        """Every annotated object, or part of the object to which the image is cut, without crowds."""
        _, table, view = self._view(key)
        numbers, classes = table.objects(view)
        x0, y0, x1, y1 = table.windows[view].tolist()
        return numbers[y0:y1, x0:x1], classes

    def picture_files(self, split: Split) -> Sequence[PictureFiles]:
        """All pictures in the annotations, each once, including those without objects."""
        table, folder = self._listing(split), self.folders[split]
        sizes = dict(zip(table.files, table.sizes.tolist(), strict=True))
        return [PictureFiles(folder / file, (height, width)) for file, (height, width) in sizes.items()]

    def _reading_notes(self, split: Split) -> Sequence[Note]:
        return self._listing(split).notes

    def _view(self, key: ImageKey) -> tuple[Split, Regions, int]:
        """Split and regions of an image, and its place there."""
        split, _, view = self._find(key)
        return split, self._listing(split), view

    def _names_in(self, listing: Regions) -> Iterable[str]:
        return (f"{file}{mark}" for file, mark in zip(listing.files, listing.marks, strict=True))

    def _names_of(self, listing: Regions, class_id: ClassId) -> Iterable[str]:
        return (listing.files[view] + listing.marks[view] for view in listing.views(class_id, self.min_area))

    def _known_classes(self, split: Split) -> Collection[ClassId]:
        return self._listing(split).names.keys()
