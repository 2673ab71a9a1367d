"""What sources have in common whose annotations are regions of pictures, or of single objects in pictures."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sansa_lightning.clip import ClassId, ImageKey
from sansa_lightning.data.formats.annotations.regions import Regions
from sansa_lightning.data.formats.mask_files import missing_files
from sansa_lightning.data.formats.notes import Note
from sansa_lightning.data.formats.picture_checks import check_pictures
from sansa_lightning.data.sources.base import PictureFiles, Source, Split
from sansa_lightning.images import read_image
from sansa_lightning.orientation import Exif, check_exif

_SPLITS: tuple[Split, ...] = ("val", "train")


class RegionSource(Source):
    """Pictures with regions of classes; a dataset adds how its annotations are read.

    Class ids are the dataset's own, so that episodes mean the same whichever of its annotation formats was read.

    Args:
        root: the dataset's folder.
        images: folder of the pictures, below ``root``.
        check_files: whether :meth:`verify` opens each picture, about 0.1 ms each from a warm disk.
        name: of the source.
        exif: what to do about EXIF orientations where the annotations' size does not tell; see ``orientation.Exif``.
    """

    def __init__(self, root: Path, images: str, check_files: bool, name: str, exif: Exif = "upright") -> None:
        self.name = name
        self.exif = check_exif(type(self).__name__, exif)
        self.root = Path(root)
        self.pictures = self.root / images
        self.check_files = check_files
        self._tables: dict[Split, Regions] = {}
        self._views: dict[Split, dict[str, int]] = {}
        self._images: dict[tuple[ClassId, Split], tuple[str, ...]] = {}
        self._picture_notes: dict[Split, tuple[Note, ...]] = {}

    @abstractmethod
    def _read(self, split: Split) -> Regions:
        """A split's annotations, with keys that begin with ``train/`` or ``val/``."""

    def __str__(self) -> str:
        return f"{self.name} in {self.root}"

    def __getstate__(self) -> dict[str, object]:
        """Without what follows from the tables: workers that are spawned make it themselves."""
        return self.__dict__ | {"_views": {}, "_images": {}}

    def classes(self, split: Split) -> tuple[ClassId, ...]:
        """The classes that the split's annotations have, by the dataset's own numbers."""
        return self._table(split).classes

    def listing(self, split: Split) -> tuple[ClassId, ...]:
        """The classes in the order of the split's annotation file."""
        return tuple(self._table(split).names)

    def class_name(self, class_id: ClassId) -> str:
        """The dataset's word for the class."""
        for split in sorted(_SPLITS, key=lambda split: split not in self._tables):
            if class_id in self._table(split).names:
                return self._table(split).names[class_id]
        raise self._unknown(class_id)

    def images(self, class_id: ClassId, split: Split) -> Sequence[ImageKey]:
        """Keys of the images that show the class, in the order of the annotation file."""
        if (class_id, split) not in self._images:
            table = self._table(split)
            if class_id not in table.names:
                raise self._unknown(class_id)
            self._images[class_id, split] = tuple(table.keys[view] for view in table.views(class_id))
        return self._images[class_id, split]

    def load(self, key: ImageKey, class_id: ClassId) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        """One image, cut to its window, with the mask of one class."""
        split, view = self._find(key)
        table = self._table(split)
        if class_id not in table.names:
            raise self._unknown(class_id)
        path = self.pictures / table.files[view]
        height, width = table.sizes[view].tolist()
        image = read_image(path, (height, width), self.exif)
        mask = table.mask(view, class_id)
        x0, y0, x1, y1 = table.windows[view].tolist()
        return image[y0:y1, x0:x1], mask[y0:y1, x0:x1]

    def object_count(self, class_id: ClassId, split: Split) -> int:
        """How many objects of the class, or parts, its images show."""
        table = self._table(split)
        if class_id not in table.names:
            raise self._unknown(class_id)
        return table.objects_of(class_id)

    def picture(self, key: ImageKey) -> str:
        """Path of the picture."""
        split, view = self._find(key)
        return str(self.pictures / self._table(split).files[view])

    def shows(self, key: ImageKey, class_id: ClassId) -> bool:
        """Whether something of the class is in the image's window."""
        split, view = self._find(key)
        table = self._table(split)
        if class_id not in table.names:
            raise self._unknown(class_id)
        return bool(table.parts(view, class_id))

    def objects(self, key: ImageKey) -> tuple[NDArray[np.integer], tuple[ClassId, ...]]:
        """Every annotated object, or part of the object that the image is cut to."""
        split, view = self._find(key)
        table = self._table(split)
        numbers, classes = table.objects(view)
        x0, y0, x1, y1 = table.windows[view].tolist()
        return numbers[y0:y1, x0:x1], classes

    def notes(self, split: Split) -> Sequence[Note]:
        """What was left out or merged when the annotations were read, and what EXIF turned."""
        return (*self._table(split).notes, *self._picture_notes.get(split, ()))

    def verify(self, split: Split) -> None:
        """Check that all pictures of a split are on disk, and with ``check_files`` that they are whole.

        Raises:
            FileNotFoundError: names the first picture that is missing and says how many are.
            ValueError: names the first picture that is broken, or of another size than its annotations, and says how
                many there are.
        """
        table = self._table(split)
        sizes = dict(zip(table.files, table.sizes.tolist(), strict=True))
        missing = missing_files(self.pictures / file for file in sizes)
        if missing:
            msg = f"{missing[0]} is not there; {len(missing)} of {len(sizes)} pictures of {self}, {split}, are missing"
            raise FileNotFoundError(msg)
        if self.check_files:
            self._picture_notes[split] = check_pictures(self.picture_files(split), self.check_picture)

    def picture_files(self, split: Split) -> Sequence[PictureFiles]:
        """All pictures that the annotation file lists, each once."""
        table = self._table(split)
        sizes = dict(zip(table.files, table.sizes.tolist(), strict=True))
        return [PictureFiles(self.pictures / file, (height, width)) for file, (height, width) in sizes.items()]

    def _table(self, split: Split) -> Regions:
        if split not in self._tables:
            if not self.root.is_dir():
                msg = f"{type(self).__name__}.root: {self.root} is not a folder; expected the one with the dataset"
                raise FileNotFoundError(msg)
            self._tables[split] = self._read(split)
        return self._tables[split]

    def _find(self, key: ImageKey) -> tuple[Split, int]:
        for split in _SPLITS:
            if str(key).startswith(f"{split}/"):
                view = self._numbers(split).get(str(key))
                if view is not None:
                    return split, view
        msg = f"{self}: unknown image {key!r}; expected one that images() lists, as train/... or val/..."
        raise KeyError(msg)

    def _numbers(self, split: Split) -> dict[str, int]:
        if split not in self._views:
            self._views[split] = {key: view for view, key in enumerate(self._table(split).keys)}
        return self._views[split]

    def _unknown(self, class_id: ClassId) -> KeyError:
        known = sorted({number for table in self._tables.values() for number in table.names})
        return KeyError(
            f"{self}: unknown class {class_id}; expected one of {len(known)} from {known[0]} to {known[-1]}"
        )
