"""LVIS: 1,203 classes in COCO's photographs, from the official JSON or pickles in circulation (docs/sansa.md 4.2)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, ClassVar

from sansa_lightning.clips.episode import ClassId
from sansa_lightning.data.formats.annotations.instances import read_instances
from sansa_lightning.data.formats.annotations.lists import of_coco
from sansa_lightning.data.formats.annotations.pickled_classes import Sizes, by_class, category_labels
from sansa_lightning.data.formats.annotations.reader import keep_once
from sansa_lightning.data.formats.annotations.regions import Regions, View
from sansa_lightning.data.formats.annotations.segmentations import Segmentations
from sansa_lightning.data.formats.notes import NoteBook
from sansa_lightning.data.formats.pickles import read_pickle
from sansa_lightning.data.formats.picture_files import listed
from sansa_lightning.data.sources.base import Split
from sansa_lightning.data.sources.published_annotations import PublishedAnnotations
from sansa_lightning.files.messages import brief


class Lvis(PublishedAnnotations):
    """Objects of LVIS v1; the mask of a class in an image is the union of its objects.

    Class ids are LVIS's category ids, 1 to 1203. Image keys are ``<split>/<folder>/<file>``; LVIS's val split has
    pictures of both ``train2017`` and ``val2017``.
    """

    dataset = kind = "lvis"
    published: ClassVar[dict[Split, str]] = {
        "train": "lvis_v1_train.json",
        "val": "lvis_v1_val.json",
    }

    def read_file(self, path: Path, folder: Path) -> Regions:
        """See :meth:`AnnotationFiles.read_file`."""
        what = "LVIS v1's annotations; see https://www.lvisdataset.org/dataset"
        return read_instances(path, "objects", name=of_coco, renumbered=False, what=what)


class LvisReleased(Lvis):
    """LVIS from the pickles in circulation: category id -> picture -> ``{"annotations": [...]}``.

    They hold no names and no sizes: a class is named by its number, and sizes are read from the pictures, which must
    exist.
    """

    kind = "lvis-released"
    looks_up_sizes = True
    published: ClassVar[dict[Split, str]] = {"train": "lvis_train.pkl", "val": "lvis_val.pkl"}

    def read_file(self, path: Path, folder: Path) -> Regions:
        """See :meth:`AnnotationFiles.read_file`."""
        classes = by_class(str(path), read_pickle(path))
        sizes, book = Sizes(folder, self.exif), NoteBook()
        masks = Segmentations(book)
        views: dict[str, View] = {}
        drawn: dict[tuple[ClassId, str], list[bytes]] = defaultdict(list)
        entries = list(_entries(path, classes))
        for _, file, segmentations in entries:
            sizes.drawn(file, segmentations)
        for class_id, file, segmentations in entries:
            where = f"class {class_id}, {file}"
            size = sizes.of(file, f"{path}: class {class_id}")
            view = views.setdefault(file, View.whole(file, size))
            for segmentation in segmentations:
                runs = masks.runs(where, segmentation, *view.size)
                if runs is not None:
                    keep_once(drawn[class_id, file], runs, where, book)
        masks.check(path)
        numbers = {file: number for number, file in enumerate(views)}
        by_number = {(class_id, numbers[file]): parts for (class_id, file), parts in drawn.items() if parts}
        return Regions.pack(category_labels(classes), list(views.values()), by_number, notes=book.notes())


def _entries(path: Path, classes: dict[ClassId, Any]) -> Iterator[tuple[ClassId, str, list[Any]]]:
    """Class id, picture and segmentations, in the order of the file."""
    for class_id, pictures in classes.items():
        for name, objects in _pictures(f"{path}: class {class_id}", pictures):
            file = listed(f"{path}: class {class_id}", name)
            yield class_id, file, list(_segmentations(f"{path}: class {class_id}, {file}", objects))


def _pictures(where: str, pictures: Any) -> Iterable[tuple[Any, Any]]:
    if not isinstance(pictures, dict):
        msg = f"{where}: expected a dictionary picture -> annotations, but got {brief(pictures)}"
        raise ValueError(msg)
    return pictures.items()


def _segmentations(where: str, entry: Any) -> Iterator[Any]:
    annotations = entry.get("annotations") if isinstance(entry, dict) else None
    if not isinstance(annotations, list):
        msg = f"{where}: expected a dictionary with a list 'annotations', but got {brief(entry)}"
        raise ValueError(msg)
    for annotation in annotations:
        yield annotation.get("segmentation") if isinstance(annotation, dict) else None
