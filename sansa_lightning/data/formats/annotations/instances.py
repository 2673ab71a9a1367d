"""COCO-style instance annotations as flat arrays: read once, small, and shared by forked workers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import astuple, dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray

from sansa_lightning.clip import IGNORE
from sansa_lightning.data.formats.annotations.entry_ids import Id
from sansa_lightning.data.formats.annotations.json_file import AnnotationFile
from sansa_lightning.data.formats.annotations.lists import of_file, read_categories, read_pictures
from sansa_lightning.data.formats.annotations.reader import CROWDS_TAKEN, Annotation, keep_once, usable
from sansa_lightning.data.formats.annotations.run_lengths import area, decode, overlaid, union
from sansa_lightning.data.formats.index_cache import Arrays, of_bytes, reopened, to_bytes
from sansa_lightning.data.formats.notes import Note, NoteBook
from sansa_lightning.data.formats.picture_files import located

Crowds = Literal["ignore", "objects"]
"""What regions marked ``iscrowd`` are: left out of loss and score, as in COCO, or objects like others."""

CROWDS_IGNORED = "crowd regions (iscrowd), which are ignored; crowds: objects would take them for objects"

_ARRAYS = ("sizes", "pairs", "areas", "runs", "offsets", "firsts")


@dataclass(frozen=True, slots=True, eq=False)
class Instances:
    """What one annotation file says, one row an image, one pair an image with a class it has annotations of.

    Masks are kept as compressed run lengths in a single block of bytes: forked workers read it without
    touching the reference counts of a million small objects, which would copy their pages. Arrays may be mapped from
    a file; spawned workers are then sent its name.

    Attributes:
        files: file names, in the order of the annotation file; as written there, before :meth:`located`.
        ids: of the images, as written in the file.
        sizes: int32 [images, 2], (H, W) in pixels.
        categories: (id, name) in ascending order of id; the position is the class id.
        category_ids: the ids as written in the file.
        notes: what was left out or merged.
        pairs: int64 [pairs], ascending, row * number of classes + class id.
        areas: int64 [pairs], pixels of the union of the class's objects, crowds not counted.
        runs: uint8, run lengths, for each pair those of the crowds' union, then those of each of its objects.
        offsets: int64 [entries + 1], where they begin.
        firsts: int64 [pairs + 1], number of each pair's first entry.
        kept: the file that the arrays are mapped from, if any.
        folder: of the pictures, once they are located.
    """

    files: Sequence[str]
    ids: Sequence[Any]
    sizes: NDArray[np.int32]
    categories: tuple[tuple[Id, str], ...]
    category_ids: Sequence[Any]
    notes: tuple[Note, ...]
    pairs: NDArray[np.int64]
    areas: NDArray[np.int64]
    runs: NDArray[np.uint8]
    offsets: NDArray[np.int64]
    firsts: NDArray[np.int64]
    kept: Path | None = None
    folder: Path | None = None

    def arrays(self) -> dict[str, NDArray[Any]]:
        """All of it as arrays, but for the folder, which may be another one the next time."""
        texts = {name: to_bytes(getattr(self, name)) for name in ("files", "ids", "categories", "category_ids")}
        notes = {"notes": to_bytes([astuple(note) for note in self.notes])}
        return texts | notes | {name: getattr(self, name) for name in _ARRAYS}

    @classmethod
    def of_arrays(cls, arrays: Arrays, kept: Path | None) -> Self:
        """What :meth:`arrays` is of."""
        categories = tuple((number, name) for number, name in of_bytes(arrays["categories"]))
        flat: dict[str, Any] = {name: arrays[name] for name in _ARRAYS}
        return cls(
            files=of_bytes(arrays["files"]),
            ids=of_bytes(arrays["ids"]),
            categories=categories,
            category_ids=of_bytes(arrays["category_ids"]),
            notes=tuple(Note(*note) for note in of_bytes(arrays["notes"])),
            **flat,
            kept=kept,
        )

    def located(self, where: Path, folder: Path) -> Instances:
        """The same with file names below the folder of the pictures.

        Args:
            where: the annotation file, for the error.
            folder: of the pictures.

        Raises:
            ValueError: see ``picture_files.located``.
        """
        files = located(str(where), self.files, folder)
        return self if files is self.files else replace(self, files=files, folder=folder)

    def __reduce__(self) -> tuple[Any, ...]:
        """As the name of its file, if it has one."""
        if self.kept is None:
            return type(self).of_arrays, (self.arrays(), None)
        if self.folder is None:
            return reopened, (type(self), self.kept)
        return _reopened_in, (self.kept, self.folder)

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


def read_instances(path: Path, crowds: Crowds = "ignore") -> Instances:
    """The annotations in a COCO-style JSON file, those that can be used; the others are counted.

    Args:
        path: of the file.
        crowds: what regions marked as crowds are.

    Raises:
        FileNotFoundError: no such file.
        ValueError: not JSON, a list is missing, entries contradict each other, or none can be used; names the file
            and the first entry, and says how many there are.
    """
    content = AnnotationFile(path, "an instances annotation file in COCO format")
    book = NoteBook()
    pictures = read_pictures(content, of_file, book)
    categories = read_categories(content, book)
    classes = {number: class_id for class_id, number in enumerate(categories.names)}
    groups = _group(usable(content, pictures, categories, book), classes, crowds, book)
    sizes = np.array(pictures.sizes, np.int32).reshape(-1, 2)
    named = tuple(categories.names.items())
    lists = pictures.files, pictures.ids, sizes, named, categories.ids, book.notes()
    return Instances(*lists, *_pack(groups, sizes, len(classes)))


def _reopened_in(kept: Path, folder: Path) -> Instances:
    return reopened(Instances, kept).located(kept, folder)


def _group(
    annotations: Iterable[Annotation], classes: Mapping[Id, int], crowds: Crowds, book: NoteBook
) -> dict[int, tuple[list[bytes], list[bytes]]]:
    """Pair -> compressed run lengths of its objects and of its crowds."""
    groups: dict[int, tuple[list[bytes], list[bytes]]] = {}
    for annotation in annotations:
        ignored = annotation.crowd and crowds == "ignore"
        if annotation.crowd:
            book.add(CROWDS_IGNORED if ignored else CROWDS_TAKEN, annotation.where)
        pair = groups.setdefault(annotation.row * len(classes) + classes[annotation.category], ([], []))
        keep_once(pair[ignored], annotation.runs, annotation.where, book)
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
