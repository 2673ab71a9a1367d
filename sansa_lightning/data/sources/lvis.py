"""LVIS: 1,203 classes in COCO's photographs, from the official JSON or from the pickles in circulation (spec 4.2)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sansa_lightning.clip import ClassId
from sansa_lightning.data.annotation_json import by_id, entries, image_file, image_size, look_up, read_json
from sansa_lightning.data.pickles import read_pickle
from sansa_lightning.data.picture_files import below, picture_size
from sansa_lightning.data.region_source import RegionSource
from sansa_lightning.data.regions import Regions, View
from sansa_lightning.data.run_lengths import run_lengths
from sansa_lightning.data.sources.base import Split


class Lvis(RegionSource):
    """Objects of LVIS v1; the mask of a class in an image is the union of its objects.

    Class ids are LVIS's category ids, 1 to 1203. Image keys are ``<split>/<folder>/<file>``; LVIS's val split has
    pictures of both ``train2017`` and ``val2017``.

    Args:
        root: folder with the pictures in ``coco/train2017`` and ``coco/val2017``.
        train_annotations: below ``root``.
        val_annotations: below ``root``.
        check_files: see :class:`RegionSource`.
        name: of the source.
    """

    def __init__(
        self,
        root: Path,
        train_annotations: Path = Path("lvis_v1_train.json"),
        val_annotations: Path = Path("lvis_v1_val.json"),
        check_files: bool = True,
        name: str = "lvis",
    ) -> None:
        super().__init__(root, "coco", check_files, name)
        self.annotations: dict[Split, Path] = {
            "train": self.root / train_annotations,
            "val": self.root / val_annotations,
        }

    def _read(self, split: Split) -> Regions:
        path = self.annotations[split]
        content = read_json(path, "LVIS v1's annotations; see https://www.lvisdataset.org/dataset")
        images = entries(path, content, "images", ("id", "height", "width"))
        by_id(path, "images", images)
        views = {image["id"]: place for place, image in enumerate(images)}
        sizes = [image_size(path, image) for image in images]
        names = _names(path, content)
        drawn: dict[tuple[ClassId, int], list[bytes]] = defaultdict(list)
        needed = ("id", "image_id", "category_id", "segmentation")
        for annotation in entries(path, content, "annotations", needed):
            where = f"{path}: annotation {annotation['id']}"
            view = look_up(where, annotation, "image_id", views, "images")
            look_up(where, annotation, "category_id", names, "categories")
            runs = run_lengths(where, annotation["segmentation"], *sizes[view])
            drawn[annotation["category_id"], view].append(runs)
        files = [image_file(path, image) for image in images]
        shown = [View.whole(f"{split}/{file}", file, size) for file, size in zip(files, sizes, strict=True)]
        return Regions.pack(dict(sorted(names.items())), shown, drawn)


class LvisReleased(Lvis):
    """LVIS from the pickles in circulation: category id -> picture -> ``{"annotations": [...]}``.

    They hold no names and no sizes: a class is called by its number, and sizes are read from the pictures, which
    must be there.

    Args:
        root: see :class:`Lvis`.
        train_annotations: below ``root``.
        val_annotations: below ``root``.
        check_files: see :class:`RegionSource`.
        name: of the source; that of :class:`Lvis`, since the episodes mean the same.
    """

    def __init__(
        self,
        root: Path,
        train_annotations: Path = Path("lvis_train.pkl"),
        val_annotations: Path = Path("lvis_val.pkl"),
        check_files: bool = True,
        name: str = "lvis",
    ) -> None:
        super().__init__(root, train_annotations, val_annotations, check_files, name)

    def _read(self, split: Split) -> Regions:
        path = self.annotations[split]
        content = read_pickle(path)
        places: dict[str, int] = {}
        views: list[View] = []
        drawn: dict[tuple[ClassId, int], list[bytes]] = defaultdict(list)
        for class_id, name, objects in _pickled(path, content):
            file = below(f"{path}: class {class_id}", name)
            if file not in places:
                places[file] = len(views)
                views.append(View.whole(f"{split}/{file}", file, picture_size(self.pictures / file)))
            view = places[file]
            for annotation in objects:
                where = f"{path}: class {class_id}, {file}"
                if not isinstance(annotation, dict) or "segmentation" not in annotation:
                    msg = f"{where}: expected annotations with a segmentation, but got {str(annotation)[:60]}"
                    raise ValueError(msg)
                drawn[class_id, view].append(run_lengths(where, annotation["segmentation"], *views[view].size))
        return Regions.pack({int(number): f"category {number}" for number in content}, views, drawn)


def _names(path: Path, content: Any) -> dict[ClassId, str]:
    categories = by_id(path, "categories", entries(path, content, "categories", ("id", "name")))
    if not categories:
        msg = f"{path}: expected at least one category, but 'categories' is empty"
        raise ValueError(msg)
    return {number: str(category["name"]) for number, category in categories.items()}


def _pickled(path: Path, content: Any) -> Iterator[tuple[ClassId, Any, list[Any]]]:
    """Category id, picture and annotations, in the order of the file."""
    if not isinstance(content, dict) or not content or not all(isinstance(value, dict) for value in content.values()):
        msg = f"{path}: expected a dictionary category id -> picture -> annotations, but got {str(content)[:60]}"
        raise ValueError(msg)
    for number, pictures in content.items():
        if not str(number).isdigit():
            msg = f"{path}: expected category ids that are numbers, but got {number!r}"
            raise ValueError(msg)
        for name, entry in pictures.items():
            annotations = entry.get("annotations") if isinstance(entry, dict) else None
            if not isinstance(annotations, list):
                msg = f"{path}: class {number}, {name}: expected a dictionary with a list 'annotations'"
                raise ValueError(msg)
            yield int(number), name, annotations
