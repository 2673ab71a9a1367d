"""PACO-Part: parts of everyday objects, from PACO-LVIS's JSON or from the pickles in circulation (spec 4.5)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from sansa_lightning.clip import ClassId
from sansa_lightning.data.annotation_json import Entry, by_id, entries, image_file, image_size, look_up, read_json
from sansa_lightning.data.object_source import ObjectSource, box_numbers, object_key, window
from sansa_lightning.data.pickles import read_pickle
from sansa_lightning.data.picture_files import below, picture_size
from sansa_lightning.data.regions import Regions, View
from sansa_lightning.data.run_lengths import run_lengths
from sansa_lightning.data.sources.base import Split

_PICKLED = {"category_id", "obj_ann_id", "obj_bbox", "segmentation"}


class PacoPart(ObjectSource):
    """Parts of objects, each object cut out by its box; the mask of a class is the union of the object's parts of it.

    Class ids are PACO's category ids; the classes of a split are the parts that it has annotations of. Image keys
    are ``<split>/<folder>/<file>#<annotation id of the object>``.

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
        train_annotations: Path = Path("paco/paco_lvis_v1_train.json"),
        val_annotations: Path = Path("paco/paco_lvis_v1_val.json"),
        check_files: bool = True,
        name: str = "paco",
    ) -> None:
        super().__init__(root, "coco", check_files, name)
        self.annotations: dict[Split, Path] = {
            "train": self.root / train_annotations,
            "val": self.root / val_annotations,
        }

    def _read(self, split: Split) -> Regions:
        path = self.annotations[split]
        content = read_json(path, "PACO-LVIS's annotations; see https://github.com/facebookresearch/paco")
        images = by_id(path, "images", entries(path, content, "images", ("id", "height", "width")))
        categories = by_id(path, "categories", entries(path, content, "categories", ("id", "name")))
        needed = ("id", "image_id", "category_id", "obj_ann_id", "bbox", "segmentation")
        annotations = by_id(path, "annotations", entries(path, content, "annotations", needed))
        table = _Objects(split)
        names: dict[ClassId, str] = {}
        for number, part in annotations.items():
            if part["obj_ann_id"] == number:
                continue  # the object itself
            where = f"{path}: annotation {number}"
            owner = look_up(where, part, "obj_ann_id", annotations, "annotations")
            image = look_up(where, part, "image_id", images, "images")
            names[part["category_id"]] = look_up(where, part, "category_id", categories, "categories")["name"]
            size = image_size(path, image)
            table.add(where, part, owner["bbox"], image_file(path, image), size)
        return table.pack(path, dict(sorted(names.items())))


class PacoPartReleased(PacoPart):
    """PACO-Part from the pickles in circulation: ``{"cid2img": {...}, "img2anno": {...}}``.

    They hold no names and no sizes: a class is called by its number, and sizes are read from the pictures, which
    must be there.

    Args:
        root: see :class:`PacoPart`.
        train_annotations: below ``root``.
        val_annotations: below ``root``.
        check_files: see :class:`RegionSource`.
        name: of the source; that of :class:`PacoPart`, since the episodes mean the same.
    """

    def __init__(
        self,
        root: Path,
        train_annotations: Path = Path("paco/paco_part_train.pkl"),
        val_annotations: Path = Path("paco/paco_part_val.pkl"),
        check_files: bool = True,
        name: str = "paco",
    ) -> None:
        super().__init__(root, train_annotations, val_annotations, check_files, name)

    def _read(self, split: Split) -> Regions:
        path = self.annotations[split]
        content = read_pickle(path)
        keys = ("cid2img", "img2anno")
        if not isinstance(content, dict) or not all(isinstance(content.get(key), dict) for key in keys):
            msg = f"{path}: expected a dictionary with the dictionaries 'cid2img' and 'img2anno'"
            raise ValueError(msg)
        table = _Objects(split)
        sizes: dict[str, tuple[int, int]] = {}
        for class_id, image_id, name in _pickled_images(path, content["cid2img"]):
            where = f"{path}: class {class_id}, image {image_id}"
            file = below(where, name, parts=2)
            if file not in sizes:
                sizes[file] = picture_size(self.pictures / file)
            for part in _pickled_parts(where, content["img2anno"].get(image_id)):
                if part["category_id"] == class_id:
                    table.add(where, part, part["obj_bbox"], file, sizes[file])
        return table.pack(path, {int(number): f"category {number}" for number in content["cid2img"]})


class _Objects:
    """Objects with their parts, while an annotation file is read."""

    def __init__(self, split: Split) -> None:
        self.split = split
        self.views: dict[tuple[str, int], tuple[int, View]] = {}
        self.drawn: dict[tuple[ClassId, int], list[bytes]] = defaultdict(list)

    def add(self, where: str, part: Entry, box: Any, file: str, size: tuple[int, int]) -> None:
        """Add one part of an object with the box (x, y, width, height)."""
        number = part["obj_ann_id"]
        if (file, number) not in self.views:
            x, y, width, height = box_numbers(where, box)
            shown = window(x, y, x + width, y + height)
            view = View(object_key(self.split, file, number), file, size, shown)
            self.views[file, number] = len(self.views), view
        place, _ = self.views[file, number]
        self.drawn[part["category_id"], place].append(run_lengths(where, part["segmentation"], *size))

    def pack(self, path: Path, names: dict[ClassId, str]) -> Regions:
        """What was added.

        Raises:
            ValueError: nothing was.
        """
        if not self.drawn:
            msg = f"{path}: expected annotations of parts (obj_ann_id is not their own id), but there are none"
            raise ValueError(msg)
        return Regions.pack(names, [view for _, view in self.views.values()], self.drawn)


def _pickled_images(path: Path, listed: dict[Any, Any]) -> Iterator[tuple[ClassId, Any, Any]]:
    """Category id, image id and picture, in the order of the file, each once (train lists some twice)."""
    for number, images in listed.items():
        if not str(number).isdigit() or not isinstance(images, list):
            msg = f"{path}: expected cid2img to list images for category numbers, but got {number!r}"
            raise ValueError(msg)
        seen = set()
        for image in images:
            if not isinstance(image, dict) or len(image) != 1:
                msg = f"{path}: cid2img, class {number}: expected {{image id: picture}}, but got {str(image)[:60]}"
                raise ValueError(msg)
            ((image_id, name),) = image.items()
            if image_id not in seen:
                seen.add(image_id)
                yield int(number), image_id, name


def _pickled_parts(where: str, parts: Any) -> list[Entry]:
    whole = isinstance(parts, list) and all(isinstance(part, dict) and part.keys() >= _PICKLED for part in parts)
    if not whole or not all(isinstance(part["obj_ann_id"], int | np.integer) for part in parts):
        msg = f"{where}: expected img2anno to list its parts with {', '.join(sorted(_PICKLED))}"
        raise ValueError(msg)
    return parts
