"""COCO-style instance annotations as flat arrays: read once, small, and shared by forked workers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from sansa_lightning.clip import IGNORE
from sansa_lightning.data.annotation_json import (
    ANNOTATIONS,
    AnnotationFile,
    Entry,
    category_names,
    check_once,
    image_size,
    look_up,
    places,
)
from sansa_lightning.data.index_cache import Arrays, of_bytes, reopened, to_bytes
from sansa_lightning.data.picture_files import below
from sansa_lightning.data.run_lengths import area, decode, overlaid, run_lengths, union
from sansa_lightning.messages import brief

_NEEDED = {
    "images": {"id", "file_name", "height", "width"},
    "annotations": {"id", "image_id", "category_id", "segmentation"},
}


_ARRAYS = ("sizes", "pairs", "areas", "runs", "offsets", "firsts")


@dataclass(frozen=True, slots=True, eq=False)
class Instances:
    """What one annotation file says, one row an image, one pair an image with a class it has annotations of.

    Masks are kept as compressed run lengths in a single block of bytes: forked workers read it without
    touching the reference counts of a million small objects, which would copy their pages. Arrays may be mapped from
    a file; spawned workers are then sent its name.

    Attributes:
        files: file names, in the order of the annotation file.
        sizes: int32 [images, 2], (H, W) in pixels.
        categories: (id, name) in ascending order of id; the position is the class id.
        pairs: int64 [pairs], ascending, row * number of classes + class id.
        areas: int64 [pairs], pixels of the union of the class's objects, crowds not counted.
        runs: uint8, run lengths, for each pair those of the crowds' union, then those of each of its objects.
        offsets: int64 [entries + 1], where they begin.
        firsts: int64 [pairs + 1], number of each pair's first entry.
        kept: the file that the arrays are mapped from, if any.
    """

    files: tuple[str, ...]
    sizes: NDArray[np.int32]
    categories: tuple[tuple[int, str], ...]
    pairs: NDArray[np.int64]
    areas: NDArray[np.int64]
    runs: NDArray[np.uint8]
    offsets: NDArray[np.int64]
    firsts: NDArray[np.int64]
    kept: Path | None = None

    def arrays(self) -> dict[str, NDArray[Any]]:
        """All of it as arrays."""
        texts = {"files": to_bytes(self.files), "categories": to_bytes(self.categories)}
        return texts | {name: getattr(self, name) for name in _ARRAYS}

    @classmethod
    def of_arrays(cls, arrays: Arrays, kept: Path | None) -> Self:
        """What :meth:`arrays` is of."""
        categories = tuple((number, name) for number, name in of_bytes(arrays["categories"]))
        flat = {name: arrays[name] for name in _ARRAYS}
        return cls(files=tuple(of_bytes(arrays["files"])), categories=categories, **flat, kept=kept)

    def __reduce__(self) -> tuple[Any, ...]:
        """As the name of its file, if it has one."""
        if self.kept is not None:
            return reopened, (type(self), self.kept)
        return type(self).of_arrays, (self.arrays(), None)

    def rows(self, class_id: int, min_area: float) -> NDArray[np.int64]:
        """Rows, ascending, in which the class's objects cover at least ``min_area`` pixels, and one at least."""
        chosen = (self.pairs % len(self.categories) == class_id) & (self.areas >= max(min_area, 1))
        return np.asarray(self.pairs[chosen] // len(self.categories), np.int64)

    def mask(self, row: int, class_id: int) -> NDArray[np.uint8]:
        """uint8 [H, W]: 1 on objects of the class, 255 on its crowds where no object is, else 0."""
        height, width = self.sizes[row].tolist()
        mask = np.zeros((height, width), np.uint8)
        at = self._find(row, class_id)
        if at is not None:
            crowds, *objects = self._entries(at)
            if crowds:
                mask[decode(crowds, height, width).astype(bool)] = IGNORE
            if objects:
                mask[decode(union(objects, height, width), height, width).astype(bool)] = 1
        return mask

    def shows(self, row: int, class_id: int) -> bool:
        """Whether an object of the class, not only a crowd, has a pixel in the image."""
        at = self._find(row, class_id)
        return at is not None and bool(self.areas[at])

    def objects(self, row: int) -> tuple[NDArray[np.int16], tuple[int, ...]]:
        """Every object of an image, crowds left out: its map (see ``overlaid``) and the class of each."""
        classes = len(self.categories)
        begin, end = np.searchsorted(self.pairs, [row * classes, (row + 1) * classes]).tolist()
        found = [(int(self.pairs[at] % classes), runs) for at in range(begin, end) for runs in self._entries(at)[1:]]
        return overlaid([runs for _, runs in found], *self.sizes[row].tolist()), tuple(number for number, _ in found)

    def _find(self, row: int, class_id: int) -> int | None:
        pair = row * len(self.categories) + class_id
        at = int(np.searchsorted(self.pairs, pair))
        return at if at < len(self.pairs) and self.pairs[at] == pair else None

    def _entries(self, at: int) -> list[bytes]:
        """Run lengths of a pair's crowds, empty if there are none, and of each of its objects."""
        bounds = self.offsets[self.firsts[at] : self.firsts[at + 1] + 1].tolist()
        return [self.runs[begin:end].tobytes() for begin, end in pairwise(bounds)]

    def objects_of(self, class_id: int, min_area: float) -> int:
        """Number of the class's objects, crowds left out, in the images of :meth:`rows`."""
        chosen = (self.pairs % len(self.categories) == class_id) & (self.areas >= max(min_area, 1))
        return int((np.diff(self.firsts)[chosen] - 1).sum())


def read_instances(path: Path) -> Instances:
    """The annotations in a COCO-style JSON file (polygons and run lengths; ``iscrowd`` is 0 where absent).

    Raises:
        FileNotFoundError: no such file.
        ValueError: not JSON, a key is missing, or an entry refers to something that is not there; names the
            file and the entry.
    """
    content = AnnotationFile(path, "an instances annotation file in COCO format")
    images = content.entries("images", _NEEDED["images"])
    rows = places(path, "images", images)
    files = _files(path, images)
    categories = sorted(category_names(content).items())
    classes = {number: class_id for class_id, (number, _) in enumerate(categories)}
    sizes = np.array([image_size(path, image) for image in images], np.int32).reshape(-1, 2)
    groups = _group(path, content.annotations(_NEEDED[ANNOTATIONS]), rows, classes, sizes)
    return Instances(files, sizes, tuple(categories), *_pack(groups, sizes, len(classes)))


def _files(path: Path, images: Sequence[Entry]) -> tuple[str, ...]:
    files = tuple(below(f"{path}: image {image['id']}, file_name", image["file_name"]) for image in images)
    check_once(path, "file_name", files)
    return files


def _group(
    path: Path,
    annotations: Iterable[Entry],
    rows: dict[int, int],
    classes: dict[int, int],
    sizes: NDArray[np.int32],
) -> dict[int, tuple[list[bytes], list[bytes]]]:
    """Pair -> compressed run lengths of its objects and of its crowds."""
    groups: dict[int, tuple[list[bytes], list[bytes]]] = {}
    shapes = sizes.tolist()
    for annotation in annotations:
        where = f"{path}: annotation {annotation['id']}"
        row = look_up(where, annotation, "image_id", rows, "images")
        class_id = look_up(where, annotation, "category_id", classes, "categories")
        crowd = annotation.get("iscrowd", 0)
        if crowd not in (0, 1):
            msg = f"{where}: expected iscrowd to be 0 or 1, but got {brief(crowd)}"
            raise ValueError(msg)
        counts = run_lengths(where, annotation["segmentation"], *shapes[row])
        pair = groups.setdefault(row * len(classes) + class_id, ([], []))
        pair[bool(crowd)].append(counts)
    return groups


def _pack(
    groups: dict[int, tuple[list[bytes], list[bytes]]], sizes: NDArray[np.int32], classes: int
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.uint8], NDArray[np.int64], NDArray[np.int64]]:
    """The arrays ``pairs``, ``areas``, ``runs``, ``offsets`` and ``firsts`` of :class:`Instances`."""
    pairs = sorted(groups)
    areas: list[int] = []
    runs: list[bytes] = []
    firsts = [0]
    for pair in pairs:
        size = sizes[pair // classes].tolist()
        objects, crowds = groups[pair]
        areas.append(area(union(objects, *size), *size) if objects else 0)
        runs += [union(crowds, *size) if crowds else b"", *objects]
        firsts.append(len(runs))
    offsets = np.cumsum([0, *map(len, runs)], dtype=np.int64)
    packed = np.frombuffer(b"".join(runs), np.uint8)
    return np.array(pairs, np.int64), np.array(areas, np.int64), packed, offsets, np.array(firsts, np.int64)
