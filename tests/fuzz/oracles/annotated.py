"""Oracles of annotation files whose images are whole pictures: COCO and LVIS."""

from __future__ import annotations

import json
import pickle
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from fuzz.oracles.drawn import Masks
from fuzz.oracles.reading import Reading, digits, ident, need, rgb, text, whole


@dataclass
class Annotated:
    """A file in COCO's format: file and size of each image and name of each category, by their ids."""

    images: dict[Any, tuple[str, tuple[int, int]]]
    categories: dict[Any, str]
    entries: list[Any]
    masks: Masks = field(default_factory=Masks)

    @classmethod
    def read(cls, path: Path, name: Callable[[dict[str, Any]], str | None]) -> Annotated:
        content = json.loads(path.read_bytes())
        images: dict[Any, tuple[str, tuple[int, int]]] = {}
        for image in content["images"]:
            if isinstance(image, dict) and ident(image.get("id")) is not None and (size := _size(image)) is not None:
                file = name(image)
                if file is not None:
                    need(images.setdefault(ident(image["id"]), (file, size)) == (file, size), image)
        need(bool(images) or not content["images"], "no image is left")
        need(len(set(images.values())) == len({file for file, _ in images.values()}), "two sizes of a picture")
        categories: dict[Any, str] = {}
        for category in content["categories"]:
            number = ident(category.get("id")) if isinstance(category, dict) else None
            if number is not None:
                called = _called(category.get("name"), number)
                need(categories.setdefault(number, called) == called, category)
        need(bool(categories), "no category")
        return cls(images, categories, content["annotations"])

    def annotations(self, wanted: Callable[[dict[str, Any]], bool]) -> Iterator[tuple[Any, Any, np.ndarray, bool, Any]]:
        """Image id, category id, mask, whether it is a crowd, and the entry of each that can be used."""
        for entry in self.entries:
            if isinstance(entry, dict) and not wanted(entry):
                continue
            image, category = (
                ident(entry.get(key)) if isinstance(entry, dict) else None for key in ("image_id", "category_id")
            )
            crowd = _crowd(entry.get("iscrowd")) if isinstance(entry, dict) else None
            if image not in self.images or category not in self.categories or crowd is None:
                self.masks.left_out += 1
                continue
            mask = self.masks.drawn(entry.get("segmentation"), *self.images[image][1])
            if mask is not None:
                yield image, category, mask, crowd, entry
        self.masks.check()


def _size(image: dict[str, Any]) -> tuple[int, int] | None:
    height, width = whole(image.get("height")), whole(image.get("width"))
    if height is None or width is None or not 0 < height < 65_536 or not 0 < width < 65_536:
        return None
    return (height, width) if height * width <= 2**28 else None


def _called(name: Any, number: Any) -> str:
    if isinstance(name, int | float) and not isinstance(name, bool):
        return str(name)
    return name if isinstance(name, str) and name.strip() else f"category {number}"


def _crowd(value: Any) -> bool | None:
    value = value.strip().lower() if isinstance(value, str) else value
    if isinstance(value, list | dict):
        return None
    return False if value in (None, 0, "0", "0.0", "", "false") else True if value in (1, "1", "1.0", "true") else None


def _name(value: Any) -> str | None:
    """A name that a file can have."""
    if not isinstance(value, str) or not value or re.search(r"[\x00-\x1f\x7f\ud800-\udfff]|[^/]{256}", value):
        return None
    need(".." not in value.replace("\\", "/").split("/"), value)
    return value


def _file(image: dict[str, Any]) -> str | None:
    name = _name(image.get("file_name"))
    return None if name is None else "/".join(part for part in name.split("/") if part not in ("", "."))


def coco(root: Path, folder: str = "val2017", file: str = "annotations/instances_val2017.json") -> Reading:
    content = Annotated.read(root / file, _file)
    ascending = sorted(content.categories, key=lambda number: (isinstance(number, str), number))
    ids = {number: place for place, number in enumerate(ascending)}
    reading = Reading({ids[number]: name for number, name in content.categories.items()})
    masks: dict[tuple[str, int], np.ndarray] = {}
    for image, category, there, crowd, _ in content.annotations(lambda _: True):
        name, size = content.images[image]
        mask = masks.setdefault((name, ids[category]), np.zeros(size, np.uint8))
        if crowd:
            mask[there & (mask == 0)] = 255
        else:
            mask[there] = 1
    for (name, class_id), mask in masks.items():
        if (mask == 1).any():
            reading.pairs[f"val/{name}", class_id] = rgb(root / folder / name), mask
    return reading


def coco_file(root: Path) -> Reading:
    return coco(root)


def address(image: dict[str, Any]) -> str | None:
    name = _name(image.get("coco_url") or image.get("file_name"))
    if name is None:
        return None
    parts = [part for part in name.split("/") if part not in ("", ".")][-2:]
    need(len(parts) == 2, name)
    return "/".join(parts)


def lvis(root: Path) -> Reading:
    content = Annotated.read(root / "lvis_v1_val.json", address)
    reading = Reading(content.categories)
    masks: dict[tuple[str, int], np.ndarray] = {}
    for image, category, there, _, _ in content.annotations(lambda _: True):
        pair = content.images[image][0], category
        masks[pair] = masks.get(pair, there) | there
    return _with_pictures(reading, root / "coco", masks)


def lvis_released(root: Path) -> Reading:
    content = pickle.loads((root / "lvis_val.pkl").read_bytes())  # noqa: S301 - the reader under test took it first
    reading = Reading({digits(number): f"category {digits(number)}" for number in content})
    need(len(reading.names) == len(content), "a class twice")
    masks, outlines = {}, Masks()
    for number, pictures in content.items():
        for name, entry in pictures.items():
            need(isinstance(entry["annotations"], list), entry)
            with Image.open(root / "coco" / text(name)) as picture:
                size = picture.height, picture.width
            found = [each.get("segmentation") if isinstance(each, dict) else None for each in entry["annotations"]]
            parts = [mask for mask in (outlines.drawn(each, *size) for each in found) if mask is not None]
            masks[name, digits(number)] = np.any([np.zeros(size, bool), *parts], axis=0)
    outlines.check()
    return _with_pictures(reading, root / "coco", masks)


def _with_pictures(reading: Reading, folder: Path, masks: dict[tuple[str, int], np.ndarray]) -> Reading:
    for (name, class_id), mask in masks.items():
        if mask.any():
            reading.pairs[f"val/{name}", class_id] = rgb(folder / name), mask.astype(np.uint8)
    return reading
