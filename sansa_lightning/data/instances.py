"""COCO-style instance annotations as flat arrays: read once, small, and shared by forked workers."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sansa_lightning.clip import IGNORE
from sansa_lightning.data.run_lengths import LARGEST_SIDE, decode, run_lengths, union

_NEEDED = {
    "images": {"id", "file_name", "height", "width"},
    "annotations": {"id", "image_id", "category_id", "segmentation"},
    "categories": {"id", "name"},
}


@dataclass(frozen=True, slots=True, eq=False)
class Instances:
    """What one annotation file says, one row an image, one pair an image with a class it has annotations of.

    Masks are kept as compressed run lengths in a single block of bytes: forked workers read it without
    touching the reference counts of a million small objects, which would copy their pages.

    Attributes:
        files: file names, in the order of the annotation file.
        sizes: int32 [images, 2], (H, W) in pixels.
        categories: (id, name) in ascending order of id; the position is the class id.
        pairs: int64 [pairs], ascending, row * number of classes + class id.
        areas: int64 [pairs], pixels of the union of the class's objects, crowds not counted.
        runs: run lengths, for each pair those of the objects' union, then those of the crowds' union.
        offsets: int64 [2 * pairs + 1], where they begin.
    """

    files: tuple[str, ...]
    sizes: NDArray[np.int32]
    categories: tuple[tuple[int, str], ...]
    pairs: NDArray[np.int64]
    areas: NDArray[np.int64]
    runs: bytes
    offsets: NDArray[np.int64]

    def rows(self, class_id: int, min_area: float) -> NDArray[np.int64]:
        """Rows, ascending, in which the class's objects cover at least ``min_area`` pixels, and one at least."""
        chosen = (self.pairs % len(self.categories) == class_id) & (self.areas >= max(min_area, 1))
        return np.asarray(self.pairs[chosen] // len(self.categories), np.int64)

    def mask(self, row: int, class_id: int) -> NDArray[np.uint8]:
        """uint8 [H, W]: 1 on objects of the class, 255 on its crowds where no object is, else 0."""
        pair = row * len(self.categories) + class_id
        at = int(np.searchsorted(self.pairs, pair))
        height, width = self.sizes[row].tolist()
        mask = np.zeros((height, width), np.uint8)
        if at < len(self.pairs) and self.pairs[at] == pair:
            mask[self._decode(2 * at + 1, height, width)] = IGNORE
            mask[self._decode(2 * at, height, width)] = 1
        return mask

    def _decode(self, entry: int, height: int, width: int) -> NDArray[np.bool_]:
        counts = self.runs[self.offsets[entry] : self.offsets[entry + 1]]
        return decode(counts, height, width).astype(bool) if counts else np.zeros((height, width), bool)


def read_instances(path: Path) -> Instances:
    """The annotations in a COCO-style JSON file (polygons and run lengths; ``iscrowd`` is 0 where absent).

    Raises:
        FileNotFoundError: no such file.
        ValueError: not JSON, a key is missing, or an entry refers to something that is not there; names the
            file and the entry.
    """
    content = _read_json(path)
    _check_keys(path, content)
    rows = _positions(path, "images", [image["id"] for image in content["images"]])
    _positions(path, "images", [image["file_name"] for image in content["images"]], "file_name")
    categories = sorted((category["id"], category["name"]) for category in content["categories"])
    classes = _positions(path, "categories", [number for number, _ in categories])
    sizes = _sizes(path, content["images"])
    groups = _group(path, content["annotations"], rows, classes, sizes)
    pairs, areas, runs, offsets = _pack(groups, sizes, len(classes))
    files = tuple(image["file_name"] for image in content["images"])
    return Instances(files, sizes, tuple(categories), pairs, areas, runs, offsets)


def _read_json(path: Path) -> Any:
    if not path.is_file():
        msg = f"{path} is not there; expected an instances annotation file in COCO format"
        raise FileNotFoundError(msg)
    try:
        with path.open(encoding="utf-8") as file:
            return json.load(file)
    except ValueError as error:
        msg = f"{path} is not valid JSON (truncated?): {error}"
        raise ValueError(msg) from error


def _check_keys(path: Path, content: Any) -> None:
    for group, needed in _NEEDED.items():
        entries = content.get(group) if isinstance(content, dict) else None
        if not isinstance(entries, list):
            msg = f"{path}: expected a JSON object with a list {group!r}, as in COCO's instances files"
            raise ValueError(msg)
        for position, entry in enumerate(entries):
            if not isinstance(entry, dict) or not entry.keys() >= needed:
                lacking = sorted(needed - set(entry)) if isinstance(entry, dict) else sorted(needed)
                msg = f"{path}: {group}[{position}] has no {', '.join(lacking)}"
                raise ValueError(msg)


def _positions(path: Path, group: str, keys: Sequence[Any], name: str = "id") -> dict[Any, int]:
    positions = {key: position for position, key in enumerate(keys)}
    if len(positions) != len(keys):
        twice = next(key for position, key in enumerate(keys) if positions[key] != position)
        msg = f"{path}: expected each {name} in {group} once, but {twice!r} is there twice"
        raise ValueError(msg)
    return positions


def _sizes(path: Path, images: Sequence[dict[str, Any]]) -> NDArray[np.int32]:
    for image in images:
        if any(type(image[side]) is not int or not 1 <= image[side] <= LARGEST_SIDE for side in ("height", "width")):
            got = f"{image['height']!r} and {image['width']!r}"
            msg = f"{path}: image {image['id']}: expected height and width in pixels, but got {got}"
            raise ValueError(msg)
    return np.array([[image["height"], image["width"]] for image in images], np.int32).reshape(-1, 2)


def _group(
    path: Path,
    annotations: Sequence[dict[str, Any]],
    rows: dict[Any, int],
    classes: dict[Any, int],
    sizes: NDArray[np.int32],
) -> dict[int, tuple[list[bytes], list[bytes]]]:
    """Pair -> compressed run lengths of its objects and of its crowds."""
    groups: dict[int, tuple[list[bytes], list[bytes]]] = {}
    shapes = sizes.tolist()
    for annotation in annotations:
        where = f"{path}: annotation {annotation['id']}"
        row = rows.get(annotation["image_id"])
        class_id = classes.get(annotation["category_id"])
        if row is None or class_id is None:
            missing = "image_id" if row is None else "category_id"
            listed = "images" if row is None else "categories"
            msg = f"{where} has {missing} {annotation[missing]}, which is not in the file's {listed}"
            raise ValueError(msg)
        counts = run_lengths(where, annotation["segmentation"], *shapes[row])
        pair = groups.setdefault(row * len(classes) + class_id, ([], []))
        pair[bool(annotation.get("iscrowd", 0))].append(counts)
    return groups


def _pack(
    groups: dict[int, tuple[list[bytes], list[bytes]]], sizes: NDArray[np.int32], classes: int
) -> tuple[NDArray[np.int64], NDArray[np.int64], bytes, NDArray[np.int64]]:
    """The arrays ``pairs``, ``areas``, ``runs`` and ``offsets`` of :class:`Instances`."""
    from pycocotools import mask as coco_mask

    pairs = sorted(groups)
    areas: list[int] = []
    runs: list[bytes] = []
    for pair in pairs:
        size = sizes[pair // classes].tolist()
        unions = [union(kind, *size) if kind else b"" for kind in groups[pair]]
        areas.append(int(coco_mask.area({"size": size, "counts": unions[0]})) if unions[0] else 0)
        runs += unions
    offsets = np.cumsum([0, *map(len, runs)], dtype=np.int64)
    return np.array(pairs, np.int64), np.array(areas, np.int64), b"".join(runs), offsets
