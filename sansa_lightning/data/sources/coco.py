"""COCO, and any dataset in its format: ``annotations/instances_<split>.json`` beside folders of images."""

from __future__ import annotations

from pathlib import Path
from typing import Any, get_args

from sansa_lightning.clips.episode import ClassId, ImageKey
from sansa_lightning.data.formats.annotations.entry_ids import id_of
from sansa_lightning.data.formats.annotations.instances import Crowds, read_instances
from sansa_lightning.data.formats.annotations.regions import Regions
from sansa_lightning.data.sources.annotation_files import AnnotationFiles
from sansa_lightning.data.sources.base import Split
from sansa_lightning.files.messages import brief
from sansa_lightning.images.orientation import Exif


class Coco(AnnotationFiles):
    """Objects in photographs; categories in ascending order of id have the class ids 0, 1, ...

    The mask of a class in an image is the union of its objects. Crowd regions (``iscrowd``) are 255, left out of loss
    and score, except where an object is. Image keys are ``train/<file_name>`` and ``val/<file_name>``, whatever the
    names of the folders.

    Args:
        root: folder that holds the image folders and ``annotations``.
        train: image folder of the train split, below ``root``.
        val: image folder of the val split, below ``root``.
        train_annotations: below ``root``; ``annotations/instances_<train>.json`` if None.
        val_annotations: below ``root``; ``annotations/instances_<val>.json`` if None.
        min_area: least area, in pixels of the image, of the union of a class's objects for the image to count as
            one that shows the class. The literature disagrees (docs/sansa.md 4.1); 0 keeps every object that
            has a pixel.
        check_files: whether :meth:`verify` opens each image file, about 0.1 ms each from a warm disk.
        name: of the source, for a mix of several sets in this format.
        crowds: the treatment of regions marked ``iscrowd``. COCO's are crowds, to be ignored; for labelling tools that
            mark every object painted with a brush there is "objects".
        exif: what to do about EXIF orientations if the width and height in the annotation file do not settle it; see
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
        super().__init__(
            root,
            {"train": train, "val": val},
            {
                "train": train_annotations or f"annotations/instances_{train}.json",
                "val": val_annotations or f"annotations/instances_{val}.json",
            },
            check_files,
            name,
            exif,
            min_area,
        )
        self.crowds: Crowds = crowds

    def class_label(self, class_id: ClassId) -> str:
        """Name and category id."""
        name = super().class_label(class_id)
        table = next(iter(self._listings.values()))
        return f"{name} (category {table.category_ids[class_id]})"

    def ids_in_file(self, key: ImageKey, class_id: ClassId) -> tuple[Any, Any]:
        """The ids of an image and of a category in the annotation file."""
        split, table, view = self._view(key)
        return table.image_ids[view], table.category_ids[self._known(class_id, split)]

    def _kind(self) -> str:
        return "coco" if self.crowds == "ignore" else f"coco-{self.crowds}"

    def read_file(self, path: Path, folder: Path) -> Regions:
        """See :meth:`AnnotationFiles.read_file`."""
        return read_instances(path, self.crowds)

    def _read(self, split: Split) -> Regions:
        table = super()._read(split)
        for other, known in self._listings.items():
            different = sorted(brief(each) for each in _categories(known) ^ _categories(table))
            if different:
                msg = (
                    f"expected equal categories in {self.annotations[other]} and {self.annotations[split]}, "
                    f"but {len(different)} are not in both: {', '.join(different[:3])}"
                )
                raise ValueError(msg)
        return table


def _categories(table: Regions) -> set[tuple[Any, str]]:
    """(Id in the form for comparison, name) of each category; every file has them in ascending order of id."""
    return set(zip(map(id_of, table.category_ids), table.names.values(), strict=True))
