"""COCO, and every dataset in its format: ``annotations/instances_<split>.json`` beside folders of images."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, get_args

import numpy as np
from numpy.typing import NDArray

from sansa_lightning.clip import ClassId, ImageKey
from sansa_lightning.data.formats.annotations.instances import Crowds, Instances, read_instances
from sansa_lightning.data.formats.annotations.lists import BACKSLASHES
from sansa_lightning.data.formats.index_cache import cached
from sansa_lightning.data.formats.mask_files import missing_files
from sansa_lightning.data.formats.notes import Note
from sansa_lightning.data.formats.picture_checks import check_pictures
from sansa_lightning.data.sources.base import PictureFiles, Source, Split
from sansa_lightning.images import read_image
from sansa_lightning.messages import brief
from sansa_lightning.orientation import Exif, check_exif


class Coco(Source):
    """Objects in photographs, with the class ids 0, 1, ... given to the categories in ascending order of id.

    The mask of a class in an image is the union of its objects. Crowd regions (``iscrowd``) are 255, to be
    left out of loss and score, except where an object is. Image keys are ``train/<file_name>`` and
    ``val/<file_name>``, whatever the folders are called.

    Args:
        root: folder that holds the image folders and ``annotations``.
        train: image folder of the train split, below ``root``.
        val: image folder of the val split, below ``root``.
        train_annotations: below ``root``; ``annotations/instances_<train>.json`` if None.
        val_annotations: below ``root``; ``annotations/instances_<val>.json`` if None.
        min_area: least area, in pixels of the image, of the union of a class's objects for the image to count as
            one that shows the class. The literature disagrees (spec 4.1); 0 keeps every object of a pixel or more.
        check_files: whether :meth:`verify` opens each image file, about 0.1 ms each from a warm disk.
        name: of the source, for a mix of several sets in this format.
        crowds: what regions marked ``iscrowd`` are. COCO's are crowds, to be ignored; some labelling tools mark every
            object so that is painted with a brush, for which there is "objects".
        exif: what to do about EXIF orientations where the width and height in the annotation file do not tell; see
            ``orientation.Exif``.
    """

    equal_classes = True

    def __init__(
        self,
        root: Path,
        train: str = "train2017",
        val: str = "val2017",
        train_annotations: Path | None = None,
        val_annotations: Path | None = None,
        min_area: float = 0.0,
        check_files: bool = True,
        name: str = "coco",
        crowds: Crowds = "ignore",
        exif: Exif = "upright",
    ) -> None:
        if crowds not in get_args(Crowds):
            msg = f"{type(self).__name__}.crowds: expected 'ignore' or 'objects', but got {crowds!r}"
            raise ValueError(msg)
        if min_area < 0:
            msg = f"{type(self).__name__}.min_area: expected pixels, 0 or more, but got {min_area}"
            raise ValueError(msg)
        self.name = name
        self.exif = check_exif(type(self).__name__, exif)
        self.root = Path(root)
        self.min_area = min_area
        self.check_files = check_files
        self.crowds: Crowds = crowds
        self.folders: dict[Split, str] = {"train": train, "val": val}
        self.annotations: dict[Split, Path] = {
            "train": self.root / (train_annotations or f"annotations/instances_{train}.json"),
            "val": self.root / (val_annotations or f"annotations/instances_{val}.json"),
        }
        self._tables: dict[Split, Instances] = {}
        self._rows: dict[Split, dict[str, int]] = {}
        self._images: dict[tuple[ClassId, Split], tuple[str, ...]] = {}
        self._picture_notes: dict[Split, tuple[Note, ...]] = {}

    def __str__(self) -> str:
        return f"{self.name} in {self.root}"

    def __getstate__(self) -> dict[str, object]:
        """Without what follows from the tables: workers that are spawned make it themselves."""
        return self.__dict__ | {"_rows": {}, "_images": {}}

    def classes(self, split: Split) -> tuple[ClassId, ...]:
        """0 .. number of categories - 1."""
        return tuple(range(len(self._table(split).categories)))

    def class_name(self, class_id: ClassId) -> str:
        """The category's name."""
        table = next(iter(self._tables.values()), None) or self._table("val")
        return table.categories[self._known(class_id, table)][1]

    def images(self, class_id: ClassId, split: Split) -> Sequence[ImageKey]:
        """Keys of the images that show the class, in the order of the annotation file."""
        if (class_id, split) not in self._images:
            table = self._table(split)
            rows = table.rows(self._known(class_id, table), self.min_area)
            self._images[class_id, split] = tuple(f"{split}/{table.files[row]}" for row in rows.tolist())
        return self._images[class_id, split]

    def load(self, key: ImageKey, class_id: ClassId) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        """One image, RGB also where it is stored in grey, with the mask of one class."""
        split, row = self._find(key)
        table = self._table(split)
        path = self.root / self.folders[split] / table.files[row]
        known = self._known(class_id, table)
        height, width = table.sizes[row].tolist()
        return read_image(path, (height, width), self.exif), table.mask(row, known)

    def object_count(self, class_id: ClassId, split: Split) -> int:
        """How many objects of the class, crowds left out, its images show."""
        table = self._table(split)
        return table.objects_of(self._known(class_id, table), self.min_area)

    def picture(self, key: ImageKey) -> str:
        """Path of the image file."""
        split, row = self._find(key)
        return str(self.root / self.folders[split] / self._table(split).files[row])

    def shows(self, key: ImageKey, class_id: ClassId) -> bool:
        """Whether an object of the class, not only a crowd, has a pixel in the image."""
        split, row = self._find(key)
        table = self._table(split)
        return table.shows(row, self._known(class_id, table))

    def objects(self, key: ImageKey) -> tuple[NDArray[np.integer], tuple[ClassId, ...]]:
        """Every annotated object, crowds left out."""
        split, row = self._find(key)
        return self._table(split).objects(row)

    def notes(self, split: Split) -> Sequence[Note]:
        """What was left out or merged in the annotations, how many regions are crowds, and what EXIF turned."""
        return (*self._table(split).notes, *self._picture_notes.get(split, ()))

    def class_label(self, class_id: ClassId) -> str:
        """Name and category id."""
        table = next(iter(self._tables.values()), None) or self._table("val")
        return f"{super().class_label(class_id)} (category {table.category_ids[self._known(class_id, table)]})"

    def ids_in_file(self, key: ImageKey, class_id: ClassId) -> tuple[Any, Any]:
        """The ids of an image and of a category as the annotation file has them."""
        split, row = self._find(key)
        table = self._table(split)
        return table.ids[row], table.category_ids[self._known(class_id, table)]

    def verify(self, split: Split) -> None:
        """Check that all images of a split are on disk, and with ``check_files`` that they are whole.

        Raises:
            FileNotFoundError: names the first image that is missing and says how many are.
            ValueError: names the first image that is broken, or of another size than its annotations, and says how many
                there are.
        """
        table = self._table(split)
        folder = self.root / self.folders[split]
        missing = missing_files(folder / file for file in table.files)
        if missing:
            msg = (
                f"{missing[0]} is not there; {self.annotations[split]} lists {len(table.files)} images, "
                f"of which {len(missing)} are missing"
            )
            msg += "".join(f"; {note}" for note in table.notes if note.what == BACKSLASHES)
            raise FileNotFoundError(msg)
        if self.check_files:
            self._picture_notes[split] = check_pictures(self.picture_files(split), self.check_picture)

    def picture_files(self, split: Split) -> Sequence[PictureFiles]:
        """All images that the annotation file lists, those without objects too."""
        table, folder = self._table(split), self.root / self.folders[split]
        rows = zip(table.files, table.sizes.tolist(), strict=True)
        return [PictureFiles(folder / file, (height, width)) for file, (height, width) in rows]

    def _table(self, split: Split) -> Instances:
        if split not in self._tables:
            if not self.root.is_dir():
                msg = (
                    f"{type(self).__name__}.root: {self.root} is not a folder; expected one with images and annotations"
                )
                raise FileNotFoundError(msg)
            kind = "coco" if self.crowds == "ignore" else f"coco-{self.crowds}"
            path = self.annotations[split]
            table = cached(path, kind, Instances, lambda path: read_instances(path, self.crowds))
            self._check_categories(table, split)
            self._tables[split] = table.located(path, self.root / self.folders[split])
        return self._tables[split]

    def _check_categories(self, table: Instances, split: Split) -> None:
        for other, known in self._tables.items():
            if known.categories != table.categories:
                different = sorted(brief(each) for each in set(known.categories) ^ set(table.categories))
                msg = (
                    f"expected equal categories in {self.annotations[other]} and {self.annotations[split]}, "
                    f"but {len(different)} are not in both: {', '.join(different[:3])}"
                )
                raise ValueError(msg)

    def _find(self, key: ImageKey) -> tuple[Split, int]:
        start, _, file = str(key).partition("/")
        for split in self.folders:
            if start == split:
                row = self._numbers(split).get(file)
                if row is not None:
                    return split, row
        msg = f"{self}: unknown image {key!r}; expected train/<file_name> or val/<file_name>"
        raise KeyError(msg)

    def _numbers(self, split: Split) -> dict[str, int]:
        if split not in self._rows:
            self._rows[split] = {file: row for row, file in enumerate(self._table(split).files)}
        return self._rows[split]

    def _known(self, class_id: ClassId, table: Instances) -> ClassId:
        if not 0 <= class_id < len(table.categories):
            msg = f"{self}: unknown class {class_id}; expected 0 to {len(table.categories) - 1}"
            raise KeyError(msg)
        return class_id
