"""Oracles of annotation files whose images are cut out by the boxes of objects: PACO and Pascal-Part."""

from __future__ import annotations

import json
import pickle
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from fuzz.oracles.annotated import Annotated, address
from fuzz.oracles.drawn import Masks
from fuzz.oracles.reading import Reading, digits, ident, need, numbers, rgb, text, whole

Objects = dict[tuple[str, Any, int], tuple[np.ndarray, tuple[int, int, int, int]]]
"""(picture, object, class id) -> the mask in the picture, and the object's window."""


def _cut_out(reading: Reading, folder: Path, objects: Objects) -> Reading:
    for (name, number, class_id), (mask, (x0, y0, x1, y1)) in objects.items():
        rows, columns = slice(max(y0, 0), max(y1, 0)), slice(max(x0, 0), max(x1, 0))
        if mask[rows, columns].any():
            pair = rgb(folder / name)[rows, columns], mask[rows, columns].astype(np.uint8)
            reading.pairs[f"val/{name}#{number}", class_id] = pair
    return reading


def _add(objects: Objects, key: tuple[str, Any, int], mask: np.ndarray, box: tuple[float, ...]) -> None:
    first = next((window for (name, number, _), (_, window) in objects.items() if (name, number) == key[:2]), None)
    x0, y0, x1, y1 = map(int, box)
    before = objects.get(key, (mask,))[0]
    need(before.shape == mask.shape, key)
    objects[key] = before | mask, first or (x0, y0, x1, y1)


def _corners(box: Any) -> tuple[float, ...]:
    x, y, width, height = numbers(box)
    return x, y, x + width, y + height


def _is_part(entry: dict[str, Any]) -> bool:
    return ident(entry.get("obj_ann_id")) != ident(entry.get("id"))


def paco(root: Path) -> Reading:
    content = Annotated.read(root / "paco/paco_lvis_v1_val.json", address)
    boxes: dict[tuple[Any, str], Any] = {}
    for owner in content.entries:
        if isinstance(owner, dict) and not _is_part(owner) and ident(owner.get("image_id")) in content.images:
            place = ident(owner["id"]), content.images[ident(owner["image_id"])][0]
            try:
                corners = _corners(owner["bbox"])
            except (AssertionError, KeyError, TypeError, ValueError):
                continue
            need(boxes.setdefault(place, corners) == corners, owner)
    reading, objects = Reading(), {}
    for image, category, mask, _, part in content.annotations(_is_part):
        name, owner = content.images[image][0], ident(part.get("obj_ann_id"))
        if (owner, name) in boxes:
            reading.names[category] = content.categories[category]
            _add(objects, (name, owner, category), mask, boxes[owner, name])
    return _cut_out(reading, root / "coco", objects)


def paco_released(root: Path) -> Reading:
    content = pickle.loads((root / "paco/paco_part_val.pkl").read_bytes())  # noqa: S301 - the reader took it first
    reading = Reading({digits(number): f"category {digits(number)}" for number in content["cid2img"]})
    need(len(reading.names) == len(content["cid2img"]), "a class twice")
    objects: Objects = {}
    outlines = Masks()
    for number, listed in content["cid2img"].items():
        for image_id, path in dict(next(iter(each.items())) for each in reversed(listed)).items():
            name = "/".join(text(path).split("/")[-2:])
            with Image.open(root / "coco" / name) as picture:
                size = picture.height, picture.width
            for part in content["img2anno"][image_id]:
                need(whole(part["obj_ann_id"]) is not None, part)
                if whole(part["category_id"]) == digits(number):
                    key = name, whole(part["obj_ann_id"]), digits(number)
                    mask = outlines.drawn(part["segmentation"], *size)
                    if mask is not None:
                        _add(objects, key, mask, _corners(part["obj_bbox"]))
    outlines.check()
    return _cut_out(reading, root / "coco", objects)


def pascal_part(root: Path) -> Reading:
    voc = root / "VOCdevkit" / "VOC2010"
    index = json.loads((voc / "all_obj_part_to_image.json").read_bytes())
    chosen = [
        (owner, part, lists)
        for group in ("animals", "indoor", "person", "vehicles")
        for owner, about in index[group]["object"].items()
        for part, lists in about["part"].items()
        if lists.get("train") and lists.get("val") and (owner, part) != ("aeroplane", "TAIL")
    ]
    reading = Reading({number: f"{owner}:{part}" for number, (owner, part, _) in enumerate(chosen)})
    objects: Objects = {}
    for class_id, (owner, name, lists) in enumerate(chosen):
        for stem in lists["val"]:
            stem = text(stem).split("/")[-1]
            content = json.loads((voc / "Annotations_Part_json_merged_part_classes" / f"{stem}.json").read_bytes())
            with Image.open(voc / "JPEGImages" / f"{stem}.jpg") as picture:
                size = picture.height, picture.width
            for position, shown in enumerate(content["object"]):
                if shown["name"] == owner:
                    masks = [mask for part in shown["parts"] if part["name"] == name for mask in _listed(part["mask"])]
                    box = shown["bndbox"]
                    corners = numbers([float(edge) for edge in (box.values() if isinstance(box, dict) else box)])
                    need(len(corners) == 4, box)
                    for mask in (Masks().drawn(mask, *size) for mask in masks):
                        if mask is not None:
                            _add(objects, (f"{stem}.jpg", position, class_id), mask, tuple(corners))
    return _cut_out(reading, voc / "JPEGImages", objects)


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
