"""PACO-Part: parts of everyday objects, from PACO-LVIS's JSON or from the pickles in circulation (spec 4.5)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from sansa_lightning.clip import ClassId
from sansa_lightning.data.annotation_json import (
    AnnotationFile,
    Entry,
    by_id,
    category_names,
    image_files,
    image_size,
    look_up,
)
from sansa_lightning.data.object_source import ObjectSource, box_numbers, object_key, window
from sansa_lightning.data.pickled_classes import Sizes, by_class, category_labels
from sansa_lightning.data.pickles import read_pickle
from sansa_lightning.data.picture_files import below
from sansa_lightning.data.published_annotations import PublishedAnnotations
from sansa_lightning.data.regions import Regions, View
from sansa_lightning.data.run_lengths import run_lengths
from sansa_lightning.data.sources.base import Split
from sansa_lightning.messages import brief

_OWNER = ("id", "image_id", "obj_ann_id", "bbox")
_PICKLED = {"category_id", "obj_ann_id", "obj_bbox", "segmentation"}


class PacoPart(PublishedAnnotations, ObjectSource):
    """Parts of objects, each object cut out by its box; the mask of a class is the union of the object's parts of it.

    Class ids are PACO's category ids; the classes of a split are the parts that it has annotations of. Image keys
    are ``<split>/<folder>/<file>#<annotation id of the object>``.
    """

    dataset = kind = "paco"
    published: ClassVar[dict[Split, str]] = {
        "train": "paco/paco_lvis_v1_train.json",
        "val": "paco/paco_lvis_v1_val.json",
    }

    def _read_file(self, path: Path, split: Split) -> Regions:
        content = AnnotationFile(path, "PACO-LVIS's annotations; see https://github.com/facebookresearch/paco")
        images = by_id(path, "images", content.entries("images", ("id", "height", "width")))
        files = dict(zip(images, image_files(path, list(images.values())), strict=True))
        categories = category_names(content)
        needed = ("id", "image_id", "category_id", "obj_ann_id", "bbox", "segmentation")
        owners = by_id(path, "annotations", ({key: a[key] for key in _OWNER} for a in content.annotations(needed)))
        table = _Objects(split)
        names: dict[ClassId, str] = {}
        for part in content.annotations(needed):
            if part["obj_ann_id"] == part["id"]:
                continue  # the object itself
            where = f"{path}: annotation {part['id']}"
            owner = look_up(where, part, "obj_ann_id", owners, "annotations")
            image = look_up(where, part, "image_id", images, "images")
            if (owner["obj_ann_id"], owner["image_id"]) != (owner["id"], image["id"]):
                msg = f"{where} has obj_ann_id {owner['id']}, which is not an object of the same image"
                raise ValueError(msg)
            names[part["category_id"]] = look_up(where, part, "category_id", categories, "categories")
            size = image_size(path, image)
            table.add(where, part, owner["bbox"], files[image["id"]], size)
        return table.pack(path, dict(sorted(names.items())))


class PacoPartReleased(PacoPart):
    """PACO-Part from the pickles in circulation: ``{"cid2img": {...}, "img2anno": {...}}``.

    They hold no names and no sizes: a class is called by its number, and sizes are read from the pictures, which
    must be there.
    """

    kind = "paco-released"
    looks_up_sizes = True
    published: ClassVar[dict[Split, str]] = {"train": "paco/paco_part_train.pkl", "val": "paco/paco_part_val.pkl"}

    def _read_file(self, path: Path, split: Split) -> Regions:
        content = read_pickle(path)
        keys = ("cid2img", "img2anno")
        if not isinstance(content, dict) or not all(isinstance(content.get(key), dict) for key in keys):
            msg = f"{path}: expected a dictionary with the dictionaries 'cid2img' and 'img2anno'"
            raise ValueError(msg)
        table, sizes = _Objects(split), Sizes(self.pictures, self.exif)
        classes = by_class(f"{path}: cid2img", content["cid2img"])
        for class_id, images in classes.items():
            for image_id, name in _pickled_images(f"{path}: cid2img, class {class_id}", images):
                where = f"{path}: class {class_id}, image {brief(image_id)}"
                file = below(where, name, parts=2)
                for part in _pickled_parts(where, content["img2anno"].get(image_id)):
                    if part["category_id"] == class_id:
                        size = sizes.of(file, where, [part["segmentation"]])
                        table.add(where, part, part["obj_bbox"], file, size)
        return table.pack(path, category_labels(classes))


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


def _pickled_images(where: str, images: Any) -> Iterator[tuple[Any, Any]]:
    """Image id and picture of a class, in the order of the file, each once (train lists some twice)."""
    if not isinstance(images, list):
        msg = f"{where}: expected a list of images, but got {brief(images)}"
        raise ValueError(msg)
    seen = set()
    for image in images:
        if not isinstance(image, dict) or len(image) != 1:
            msg = f"{where}: expected {{image id: picture}}, but got {brief(image)}"
            raise ValueError(msg)
        ((image_id, name),) = image.items()
        if image_id not in seen:
            seen.add(image_id)
            yield image_id, name


def _pickled_parts(where: str, parts: Any) -> list[Entry]:
    whole = isinstance(parts, list) and all(isinstance(part, dict) and part.keys() >= _PICKLED for part in parts)
    if not whole or not all(_is_number(part[key]) for part in parts for key in ("obj_ann_id", "category_id")):
        msg = f"{where}: expected img2anno to list its parts with {', '.join(sorted(_PICKLED))}, ids being numbers"
        raise ValueError(msg)
    return parts


def _is_number(value: Any) -> bool:
    return isinstance(value, int | np.integer) and not isinstance(value, bool)
