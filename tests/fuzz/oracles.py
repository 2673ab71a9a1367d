"""What is in a dataset's files, read the plain way: json, pickle, Pillow, pycocotools, not a line of the package.

An oracle may raise anything where files are not as they should be; a reader that accepts such files is wrong. Numbers
are looked at as closely as the formats ask: a count in quotes is no count.
"""

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


def there(path: Path) -> Path:
    """The file itself, or else the one whose ending is in another case."""
    ending = path.suffix.lower()
    same = [file for file in path.parent.iterdir() if (file.stem, file.suffix.lower()) == (path.stem, ending)]
    return path if path.exists() or len(same) != 1 else same[0]


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


@dataclass
class Masks:
    """Masks of annotations; what cannot be drawn is left out, unless nothing is left or most are relative."""

    used: int = 0
    left_out: int = 0
    outlines: int = 0
    relative: int = 0

    def drawn(self, segmentation: Any, height: int, width: int) -> np.ndarray | None:
        """bool [H, W] of what an annotation file says, if it says something that has a pixel."""
        if isinstance(segmentation, list | tuple) and segmentation and isinstance(segmentation[0], int | float):
            segmentation = [segmentation]
        parts = segmentation if isinstance(segmentation, list | tuple) else [segmentation]
        found = [_part(part, height, width) for part in parts]
        reach = max((furthest for _, furthest in found), default=0.0)
        masks = [mask for mask, _ in found if mask is not None and mask.any()]
        if 0 < reach < np.inf:
            self.outlines += 1
            if reach <= 1.5 and min(height, width) >= 8:
                self.relative += 1
                masks = []
        self.used += bool(masks)
        self.left_out += not masks
        return np.any(masks, axis=0) if masks else None

    def check(self) -> None:
        need(self.used > 0 or self.left_out == 0, "nothing is left")
        need(self.relative == 0 or 2 * self.relative < self.outlines, "relative")


def _part(part: Any, height: int, width: int) -> tuple[np.ndarray | None, float]:
    """A part's mask, None if it has none, and the furthest coordinate of an outline."""
    try:
        if isinstance(part, dict):
            return _runs(part, height, width), np.inf
        if isinstance(part, np.ndarray) and part.ndim == 2:
            need(part.shape == (height, width) and part.dtype.kind in "buif", part.dtype)
            need(bool(np.isfinite(part).all()), part)
            return part != 0, np.inf
    except (AssertionError, KeyError, TypeError, ValueError, OverflowError):
        return None, np.inf
    try:
        outline = [float(value) for value in part] if isinstance(part, list | tuple | np.ndarray) else []
        need(len(outline) >= 6 and len(outline) % 2 == 0 and all(abs(value) <= 65_535 for value in outline), part)
    except (AssertionError, TypeError, ValueError, OverflowError):
        return None, 0.0
    return coco_mask.decode(coco_mask.frPyObjects([outline], height, width)[0]) != 0, max(map(abs, outline))


def _runs(part: dict[str, Any], height: int, width: int) -> np.ndarray:
    counts = part["counts"]
    need(isinstance(part["size"], list | tuple), part)
    need([whole(side) for side in part["size"]] == [height, width], part["size"])
    if isinstance(counts, str | bytes):
        counts = counts.encode() if isinstance(counts, str) else counts
        plain = _unpacked(counts)
        need(min(plain, default=-1) >= 0 and sum(plain) == height * width, counts)
        code = {"size": [height, width], "counts": counts}
    else:
        need(isinstance(counts, list), counts)
        plain = [-1 if whole(count) is None else whole(count) for count in counts]
        need(min(plain, default=-1) >= 0 and sum(plain) == height * width, counts)
        code = coco_mask.frPyObjects({"size": [height, width], "counts": plain}, height, width)
    mask = coco_mask.decode(code)
    need(coco_mask.area(code) == mask.sum(), code)
    return np.asarray(mask != 0)


def _unpacked(counts: bytes) -> list[int]:
    """As in rleFrString of maskApi.c, in Python's own numbers."""
    plain: list[int] = []
    at = 0
    while at < len(counts):
        bits, more = [], True
        while more:
            code = counts[at] - 48
            need(0 <= code < 64 and len(bits) < 8, counts)
            bits.append(code & 31)
            more, at = bool(code & 32), at + 1
            need(at < len(counts) or not more, counts)
        value = sum(bit << 5 * place for place, bit in enumerate(bits)) - (bits[-1] >> 4 << 5 * len(bits))
        plain.append(value + (plain[-2] if len(plain) > 2 else 0))
    return plain


def ident(value: Any) -> int | str | None:
    """An id: a whole number however it is written, or other text."""
    if isinstance(value, str) and re.fullmatch(r"-?(0|[1-9][0-9]{0,17})(\.0+)?", value.strip()):
        return int(float(value)) if abs(float(value)) < 2**53 else int(value.split(".")[0])
    if isinstance(value, str):
        return value.strip() or None
    if isinstance(value, bool | np.bool_) or not isinstance(value, int | float | np.number):
        return None
    return int(value) if np.isfinite(float(min(max(value, -1e300), 1e300))) and value == value // 1 else None


def whole(value: Any) -> int | None:
    number = ident(value)
    return None if isinstance(number, str) else number


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


def numbers(values: Any) -> list[float]:
    """Finite numbers."""
    values = values.tolist() if isinstance(values, np.ndarray) else values
    need(isinstance(values, list | tuple), values)
    need(all(abs(float(value)) < 1e6 for value in values), values)
    return [float(value) for value in values]


def text(value: Any) -> str:
    need(isinstance(value, str) and value.strip() == value != "", value)
    return str(value)


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


def _address(image: dict[str, Any]) -> str | None:
    name = _name(image.get("coco_url") or image.get("file_name"))
    if name is None:
        return None
    parts = [part for part in name.split("/") if part not in ("", ".")][-2:]
    need(len(parts) == 2, name)
    return "/".join(parts)


def lvis(root: Path) -> Reading:
    content = Annotated.read(root / "lvis_v1_val.json", _address)
    reading = Reading(content.categories)
    masks: dict[tuple[str, int], np.ndarray] = {}
    for image, category, there, _, _ in content.annotations(lambda _: True):
        pair = content.images[image][0], category
        masks[pair] = masks.get(pair, there) | there
    return _with_pictures(reading, root / "coco", masks)


def lvis_released(root: Path) -> Reading:
    content = pickle.loads((root / "lvis_val.pkl").read_bytes())  # noqa: S301 - the reader under test took it first
    reading = Reading({_digits(number): f"category {_digits(number)}" for number in content})
    need(len(reading.names) == len(content), "a class twice")
    masks, outlines = {}, Masks()
    for number, pictures in content.items():
        for name, entry in pictures.items():
            need(isinstance(entry["annotations"], list), entry)
            with Image.open(root / "coco" / text(name)) as picture:
                size = picture.height, picture.width
            found = [each.get("segmentation") if isinstance(each, dict) else None for each in entry["annotations"]]
            parts = [mask for mask in (outlines.drawn(each, *size) for each in found) if mask is not None]
            masks[name, _digits(number)] = np.any([np.zeros(size, bool), *parts], axis=0)
    outlines.check()
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


def _is_part(entry: dict[str, Any]) -> bool:
    return ident(entry.get("obj_ann_id")) != ident(entry.get("id"))


def paco(root: Path) -> Reading:
    content = Annotated.read(root / "paco/paco_lvis_v1_val.json", _address)
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
    reading = Reading({_digits(number): f"category {_digits(number)}" for number in content["cid2img"]})
    need(len(reading.names) == len(content["cid2img"]), "a class twice")
    objects: Objects = {}
    outlines = Masks()
    for number, listed in content["cid2img"].items():
        for image_id, address in dict(next(iter(each.items())) for each in reversed(listed)).items():
            name = "/".join(text(address).split("/")[-2:])
            with Image.open(root / "coco" / name) as picture:
                size = picture.height, picture.width
            for part in content["img2anno"][image_id]:
                need(whole(part["obj_ann_id"]) is not None, part)
                if whole(part["category_id"]) == _digits(number):
                    key = name, whole(part["obj_ann_id"]), _digits(number)
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
                pair = _label_pair(there(root / file), path, _digits(number), 80)
                reading.pairs[f"val/{file}", _digits(number)] = pair
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
