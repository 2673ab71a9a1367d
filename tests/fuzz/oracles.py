"""What is in a dataset's files, read the plain way: json, pickle, Pillow, pycocotools, not a line of the package.

An oracle may raise anything where files are not as they should be; a reader that accepts such files is wrong. Numbers
are looked at as closely as the formats ask: a count in quotes is no count.
"""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from pycocotools import mask as coco_mask

from fuzz.pictures import sound

EIGHT_BITS = ("1", "L", "P", "LA", "PA", "RGB", "RGBA", "RGBX", "CMYK", "YCbCr", "HSV", "LAB")


@dataclass
class Reading:
    """The val split: names of its classes, and (image, mask) of every (key, class id) that is listed.

    Names are left out by the oracles of datasets whose files do not hold them.
    """

    names: dict[int, str] = field(default_factory=dict)
    pairs: dict[tuple[str, int], tuple[np.ndarray, np.ndarray]] = field(default_factory=dict)


def need(whether: bool, what: Any) -> None:
    if not whether:
        raise AssertionError(what)


def rgb(path: Path) -> np.ndarray:
    need(sound(path.read_bytes()), path)
    with Image.open(path) as picture:
        need(picture.mode in EIGHT_BITS, picture.mode)
        return np.asarray(picture.convert("RGB"))


def labels(path: Path) -> np.ndarray:
    need(sound(path.read_bytes()), path)
    with Image.open(path) as picture:
        need(picture.mode in ("L", "P"), picture.mode)
        return np.asarray(picture)


def grey(path: Path) -> np.ndarray:
    need(sound(path.read_bytes()), path)
    with Image.open(path) as picture:
        need(picture.mode in EIGHT_BITS, picture.mode)
        return np.asarray(picture.convert("L"))


def drawn(segmentation: Any, height: int, width: int) -> np.ndarray:
    """bool [H, W] of what an annotation file says."""
    if isinstance(segmentation, np.ndarray) and segmentation.ndim == 2:
        need(segmentation.shape == (height, width) and segmentation.dtype.kind in "buif", segmentation.dtype)
        need(bool(np.isfinite(segmentation).all()), segmentation)
        return segmentation != 0
    if isinstance(segmentation, dict):
        counts = segmentation["counts"]
        need(list(segmentation["size"]) == [height, width], segmentation["size"])
        if isinstance(counts, str | bytes):
            code = {"size": [height, width], "counts": counts.encode() if isinstance(counts, str) else counts}
        else:
            need(all(type(count) is int and count >= 0 for count in counts) and sum(counts) == height * width, counts)
            code = coco_mask.frPyObjects({"size": [height, width], "counts": counts}, height, width)
        mask = coco_mask.decode(code)
        need(coco_mask.area(code) == mask.sum(), code)
        return mask != 0
    need(isinstance(segmentation, list | tuple) and len(segmentation) > 0, segmentation)
    polygons = [numbers(polygon) for polygon in segmentation]
    need(all(len(polygon) >= 6 and len(polygon) % 2 == 0 for polygon in polygons), polygons)
    return np.any([coco_mask.decode(code) for code in coco_mask.frPyObjects(polygons, height, width)], axis=0)


def numbers(values: Any) -> list[float]:
    """Finite numbers, no text among them."""
    values = values.tolist() if isinstance(values, np.ndarray) else values
    need(isinstance(values, list | tuple), values)
    need(all(isinstance(value, int | float) and abs(value) < 1e6 for value in values), values)
    return [float(value) for value in values]


def table(entries: list[dict[str, Any]]) -> dict[int, dict[str, Any]]:
    """By id; ids are whole numbers and there once."""
    need(all(type(entry["id"]) is int for entry in entries), entries)
    found = {entry["id"]: entry for entry in entries}
    need(len(found) == len(entries), entries)
    return found


def side(value: Any) -> int:
    need(type(value) is int and value > 0, value)
    return int(value)


def text(value: Any) -> str:
    need(isinstance(value, str) and value.strip() == value != "", value)
    return str(value)


def coco(root: Path, folder: str = "val2017", file: str = "annotations/instances_val2017.json") -> Reading:
    content = json.loads((root / file).read_text())
    images, categories = table(content["images"]), table(content["categories"])
    ids = {number: place for place, number in enumerate(sorted(categories))}
    reading = Reading({ids[number]: text(category["name"]) for number, category in categories.items()})
    masks: dict[tuple[int, int], np.ndarray] = {}
    for annotation in content["annotations"]:
        image, class_id = images[annotation["image_id"]], ids[annotation["category_id"]]
        size = side(image["height"]), side(image["width"])
        there = drawn(annotation["segmentation"], *size)
        mask = masks.setdefault((annotation["image_id"], class_id), np.zeros(size, np.uint8))
        need(annotation.get("iscrowd", 0) in (0, 1) and type(annotation.get("iscrowd", 0)) in (int, bool), annotation)
        if annotation.get("iscrowd", 0):
            mask[there & (mask == 0)] = 255
        else:
            mask[there] = 1
    files = {number: text(image["file_name"]) for number, image in images.items()}
    need(len(set(files.values())) == len(files), files)
    for (number, class_id), mask in masks.items():
        if (mask == 1).any():
            picture = rgb(root / folder / files[number])
            reading.pairs[f"val/{files[number]}", class_id] = picture, mask
    return reading


def coco_file(root: Path) -> Reading:
    return coco(root)


def _address(image: dict[str, Any]) -> str:
    return "/".join(text(image.get("coco_url") or image["file_name"]).split("/")[-2:])


def lvis(root: Path) -> Reading:
    content = json.loads((root / "lvis_v1_val.json").read_text())
    images, categories = table(content["images"]), table(content["categories"])
    reading = Reading({number: text(category["name"]) for number, category in categories.items()})
    masks: dict[tuple[str, int], np.ndarray] = {}
    need(len({_address(image) for image in images.values()}) == len(images), "a picture twice")
    for annotation in content["annotations"]:
        image = images[annotation["image_id"]]
        there = drawn(annotation["segmentation"], side(image["height"]), side(image["width"]))
        pair = _address(image), categories[annotation["category_id"]]["id"]
        masks[pair] = masks.get(pair, there) | there
    return _with_pictures(reading, root / "coco", masks)


def lvis_released(root: Path) -> Reading:
    content = pickle.loads((root / "lvis_val.pkl").read_bytes())  # noqa: S301 - the reader under test took it first
    reading = Reading({_digits(number): f"category {_digits(number)}" for number in content})
    need(len(reading.names) == len(content), "a class twice")
    masks = {}
    for number, pictures in content.items():
        for name, entry in pictures.items():
            need(isinstance(entry["annotations"], list), entry)
            with Image.open(root / "coco" / text(name)) as picture:
                size = picture.height, picture.width
            parts = [drawn(annotation["segmentation"], *size) for annotation in entry["annotations"]]
            masks[name, _digits(number)] = np.any([np.zeros(size, bool), *parts], axis=0)
    return _with_pictures(reading, root / "coco", masks)


def _digits(value: Any) -> int:
    need(str(value).isascii() and str(value).isdigit(), value)
    return int(value)


def _with_pictures(reading: Reading, folder: Path, masks: dict[tuple[str, int], np.ndarray]) -> Reading:
    for (name, class_id), mask in masks.items():
        if mask.any():
            reading.pairs[f"val/{name}", class_id] = rgb(folder / name), mask.astype(np.uint8)
    return reading


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


def paco(root: Path) -> Reading:
    content = json.loads((root / "paco/paco_lvis_v1_val.json").read_text())
    images, categories, annotations = (table(content[group]) for group in ("images", "categories", "annotations"))
    need(len({_address(image) for image in images.values()}) == len(images), "a picture twice")
    reading, objects = Reading(), {}
    for number, part in annotations.items():
        need(type(part["obj_ann_id"]) is int, part)
        if part["obj_ann_id"] == number:
            continue
        image, owner = images[part["image_id"]], annotations[part["obj_ann_id"]]
        need(owner["obj_ann_id"] == owner["id"] and owner["image_id"] == part["image_id"], part)
        category = categories[part["category_id"]]
        reading.names[category["id"]] = text(category["name"])
        mask = drawn(part["segmentation"], side(image["height"]), side(image["width"]))
        _add(objects, (_address(image), owner["id"], category["id"]), mask, _corners(owner["bbox"]))
    return _cut_out(reading, root / "coco", objects)


def paco_released(root: Path) -> Reading:
    content = pickle.loads((root / "paco/paco_part_val.pkl").read_bytes())  # noqa: S301 - the reader took it first
    reading = Reading({_digits(number): f"category {_digits(number)}" for number in content["cid2img"]})
    need(len(reading.names) == len(content["cid2img"]), "a class twice")
    objects: Objects = {}
    for number, listed in content["cid2img"].items():
        for image_id, address in dict(next(iter(each.items())) for each in reversed(listed)).items():
            name = "/".join(text(address).split("/")[-2:])
            with Image.open(root / "coco" / name) as picture:
                size = picture.height, picture.width
            for part in content["img2anno"][image_id]:
                need(isinstance(part["obj_ann_id"], int | np.integer) and part["obj_ann_id"] is not True, part)
                if part["category_id"] == _digits(number):
                    key = name, part["obj_ann_id"], _digits(number)
                    _add(objects, key, drawn(part["segmentation"], *size), _corners(part["obj_bbox"]))
    return _cut_out(reading, root / "coco", objects)


def pascal_part(root: Path) -> Reading:
    voc = root / "VOCdevkit" / "VOC2010"
    index = json.loads((voc / "all_obj_part_to_image.json").read_text())
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
            content = json.loads((voc / "Annotations_Part_json_merged_part_classes" / f"{stem}.json").read_text())
            with Image.open(voc / "JPEGImages" / f"{stem}.jpg") as picture:
                size = picture.height, picture.width
            for position, shown in enumerate(content["object"]):
                if shown["name"] == owner:
                    masks = [mask for part in shown["parts"] if part["name"] == name for mask in _listed(part["mask"])]
                    box = shown["bndbox"]
                    corners = numbers([float(edge) for edge in (box.values() if isinstance(box, dict) else box)])
                    need(len(corners) == 4, box)
                    for mask in masks:
                        _add(objects, (f"{stem}.jpg", position, class_id), drawn(mask, *size), tuple(corners))
    return _cut_out(reading, voc / "JPEGImages", objects)


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def coco20i_released(root: Path) -> Reading:
    reading = Reading()
    for fold in range(4):
        content = pickle.loads((root / f"splits/val/fold{fold}.pkl").read_bytes())  # noqa: S301 - the reader was first
        for number, files in content.items():
            need(isinstance(files, list | tuple | np.ndarray), files)
            listed = {pair for pair in reading.pairs if pair[1] == _digits(number)}
            now = {(f"val/{file}", _digits(number)) for file in files}
            need(_digits(number) < 80 and (not listed or not now or listed == now), number)
            for file in map(text, files):
                path = (root / "annotations" / file).with_suffix(".png")
                reading.pairs[f"val/{file}", _digits(number)] = _label_pair(root / file, path, _digits(number), 80)
    return reading


def _label_pair(
    image: Path, mask: Path, class_id: int, classes: int, ignore: bool = True
) -> tuple[np.ndarray, np.ndarray]:
    values = labels(mask)
    need(set(np.unique(values).tolist()) <= {*range(classes + 1), 255}, mask)
    found = (values == class_id + 1).astype(np.uint8)
    if ignore:
        found[values == 255] = 255
    picture = rgb(image)
    need(picture.shape[:2] == found.shape, mask)
    return picture, found


def _grey_pair(image: Path, mask: Path) -> tuple[np.ndarray, np.ndarray]:
    picture, found = rgb(image), (grey(mask) >= 128).astype(np.uint8)
    need(picture.shape[:2] == found.shape, mask)
    return picture, found


def pascal5i(root: Path) -> Reading:
    reading = Reading()
    for fold in range(4):
        for line in (root / f"splits/pascal/val/fold{fold}.txt").read_bytes().decode().splitlines():
            stem, number = line.strip().split("__")
            class_id = _digits(number) - 1
            need(5 * fold <= class_id < 5 * fold + 5, line)
            files = root / "JPEGImages" / f"{stem}.jpg", root / "SegmentationClassAug" / f"{stem}.png"
            reading.pairs[f"val/{stem}", class_id] = _label_pair(*files, class_id, 20)
    return reading


def ade20k(root: Path) -> Reading:
    rows = (root / "objectInfo150.txt").read_bytes().decode().splitlines()
    rows = [row.split("\t") for row in rows if row.strip()]
    need(all(len(row) == 5 for row in rows), rows)
    need([row[0].strip() for row in rows[1:]] == [str(number) for number in range(1, 151)], rows)
    names = [row[4].split(",")[0].strip() for row in rows[1:]]
    need(all(names), names)
    reading = Reading(dict(enumerate(names)))
    for path in (root / "annotations/validation").glob("*.png"):
        for value in set(np.unique(labels(path)).tolist()) - {0, 255}:
            image = root / "images/validation" / f"{path.stem}.jpg"
            reading.pairs[f"val/{path.stem}", value - 1] = _label_pair(image, path, value - 1, 150, ignore=False)
    return reading


def fss1000(root: Path) -> Reading:
    lists = [(root / f"splits/{name}.txt").read_bytes().decode().split("\n") for name in ("trn", "val", "test")]
    lists = [sorted(line.strip() for line in lines if line.strip()) for lines in lists]
    names = [name for lines in lists for name in lines]
    need(len(set(names)) == len(names), names)
    reading = Reading({names.index(name): name for name in lists[2]})
    for name in lists[2]:
        for image in (root / "data" / name).glob("*.jpg"):
            picture, mask = rgb(image), grey(image.with_suffix(".png"))
            rows, columns = (np.arange(n) * m // n for n, m in zip(picture.shape, mask.shape, strict=False))
            found = (mask[rows][:, columns] >= 128).astype(np.uint8)
            reading.pairs[f"val/{name}/{image.stem}", names.index(name)] = picture, found
    return reading


def folder(root: Path) -> Reading:
    names = sorted({path.name for split in ("train", "val") for path in (root / split).iterdir()})
    reading = Reading({names.index(path.name): path.name for path in (root / "val").iterdir()})
    for image in (root / "val").glob("*/images/*"):
        name, values = image.parts[-3], grey(image.parents[1] / "masks" / f"{image.stem}.png")
        if not values.any():
            continue  # left out, and counted
        need(values.max() == 1 or values.max() >= 128, values)
        picture, mask = rgb(image), (values >= min(values.max(), 128)).astype(np.uint8)
        need(picture.shape[:2] == mask.shape, image)
        reading.pairs[f"val/{name}/{image.name}", names.index(name)] = picture, mask
    return reading


def deepglobe(root: Path) -> Reading:
    reading = Reading()
    for mask in (root / "filter_mask").glob("*/*.png"):
        image = root / "image" / f"{mask.stem.replace('_mask_', '_sat_')}.jpg"
        key = f"val/{mask.stem.replace('_mask_', '_')}"
        reading.pairs[key, int(mask.parent.name) - 1] = _grey_pair(image, mask)
    return reading


def isic(root: Path) -> Reading:
    reading = Reading()
    for image in (root / "ISIC2018_Task1-2_Training_Input").glob("*/*.jpg"):
        mask = root / "ISIC2018_Task1_Training_GroundTruth" / f"{image.stem}_segmentation.png"
        key = f"val/{image.parent.name}/{image.stem}"
        reading.pairs[key, int(image.parent.name) - 1] = _grey_pair(image, mask)
    return reading


def lung(root: Path) -> Reading:
    reading = Reading()
    for mask in (root / "masks").glob("*.png"):
        image = root / "CXR_png" / f"{mask.stem.removesuffix('_mask')}.png"
        reading.pairs[f"val/{mask.stem}", 0] = _grey_pair(image, mask)
    return reading


Oracle = Callable[[Path], Reading]


def differences(found: Reading, expected: Reading) -> Iterator[str]:
    """What two readings do not agree on."""
    if expected.names and found.names != expected.names:
        yield f"names: {set(found.names.items()) ^ set(expected.names.items())}"
    if found.pairs.keys() != expected.pairs.keys():
        yield f"listed: {sorted(found.pairs.keys() ^ expected.pairs.keys())[:4]}"
    for pair in found.pairs.keys() & expected.pairs.keys():
        for what, mine, theirs in zip(("image", "mask"), found.pairs[pair], expected.pairs[pair], strict=True):
            if not np.array_equal(mine, theirs):
                yield f"{what} of {pair}: {mine.shape} and {theirs.shape}"
