"""Where classes are: masks in whole pictures, or in windows around single objects, as flat arrays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass, replace
from itertools import chain, pairwise
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from sansa_lightning.clips.episode import ClassId
from sansa_lightning.data.formats.annotations.run_lengths import decode, overlaid, union, visible_area
from sansa_lightning.data.formats.index_cache import Arrays, of_bytes, reopened, to_bytes
from sansa_lightning.data.formats.notes import Note
from sansa_lightning.data.formats.picture_files import located
from sansa_lightning.images.object_masks import IGNORE

Drawn = Mapping[tuple[ClassId, int], Sequence[bytes]]
"""(class id, place of the view) -> run lengths in the picture."""

NOTHING: Drawn = MappingProxyType({})
"""No regions."""


class View(NamedTuple):
    """An image of a source: a picture, or the window around one object in it.

    Attributes:
        file: the picture, below the source's image folder.
        size: (H, W) of the picture, pixels.
        window: (x0, y0, x1, y1), pixels, x1 and y1 exclusive; it may reach beyond the picture.
        mark: the end of its name, which tells it from other views of the file.
    """

    file: str
    size: tuple[int, int]
    window: tuple[int, int, int, int]
    mark: str = ""

    @classmethod
    def whole(cls, file: str, size: tuple[int, int]) -> View:
        """The view of the whole picture."""
        return cls(file, size, (0, 0, size[1], size[0]))


_ARRAYS = ("sizes", "windows", "pairs", "areas", "crowded", "runs", "offsets", "firsts")
_TEXTS = ("files", "marks", "image_ids", "category_ids")


@dataclass(frozen=True, slots=True, eq=False)
class Regions:
    """Views with the masks of classes in them. Build it with :meth:`pack`.

    Masks are run lengths in a single block of bytes: forked workers read it without touching the reference counts
    of a million small objects, which would copy their pages. Arrays may be mapped from a file; spawned workers then
    receive only its name.

    Attributes:
        names: class id -> name; in the order of the dataset's own list.
        classes: class ids, ascending.
        files: of the views; as the annotation file has them, before :meth:`located`.
        marks: of the views; file and mark form a view's name.
        sizes: int32 [views, 2], (H, W) of the picture.
        windows: int32 [views, 4], cut at the picture's edges.
        pairs: int64 [pairs], ascending, place of the class in ``classes`` * number of views + view.
        areas: int64 [pairs], pixels of the union of the class's objects in the picture, without crowds; 0 if none of
            them are in the window.
        crowded: uint8 [pairs], 1 if the first piece is the union of the class's crowds, which is ignored.
        runs: uint8, run lengths of each pair's pieces in the picture, one after the other.
        offsets: int64 [pieces + 1], where the pieces begin.
        firsts: int64 [pairs + 1], number of each pair's first piece.
        notes: counts of entries left out or merged.
        image_ids: of the views, as the annotation file has them; empty if nobody needs them.
        category_ids: of ``names``, likewise.
        kept: the file that the arrays are mapped from, if any.
        folder: of the pictures, once they are located.
    """

    names: Mapping[ClassId, str]
    classes: tuple[ClassId, ...]
    files: Sequence[str]
    marks: Sequence[str]
    sizes: NDArray[np.int32]
    windows: NDArray[np.int32]
    pairs: NDArray[np.int64]
    areas: NDArray[np.int64]
    crowded: NDArray[np.uint8]
    runs: NDArray[np.uint8]
    offsets: NDArray[np.int64]
    firsts: NDArray[np.int64]
    notes: tuple[Note, ...] = ()
    image_ids: Sequence[Any] = ()
    category_ids: Sequence[Any] = ()
    kept: Path | None = None
    folder: Path | None = None

    @classmethod
    def pack(
        cls, names: Mapping[ClassId, str], views: Sequence[View], drawn: Drawn, crowds: Drawn = NOTHING, **more: Any
    ) -> Regions:
        """The regions of all classes.

        Args:
            names: see the attributes.
            views: in the order of the source's images.
            drawn: the objects, whose union is the class's mask in a view; those outside the window are left out.
            crowds: regions to ignore, except where an object is.
            more: ``notes``, ``image_ids`` and ``category_ids``, see the attributes.
        """
        sizes = np.array([view.size for view in views], np.int32).reshape(-1, 2)
        windows = np.array([view.window for view in views], np.int64).reshape(-1, 4)
        windows = np.clip(windows, 0, sizes[:, [1, 0, 1, 0]])
        classes = tuple(sorted(names))
        places = {class_id: place for place, class_id in enumerate(classes)}
        kept: dict[int, tuple[int, bool, Sequence[bytes]]] = {}
        for class_id, view in chain(drawn, (pair for pair in crowds if pair not in drawn)):
            size, objects = sizes[view].tolist(), drawn.get((class_id, view), ())
            area = visible_area(union(objects, *size), size, windows[view].tolist()) if objects else 0
            ignored = crowds.get((class_id, view), ())
            parts = [union(ignored, *size)] * bool(ignored) + [*objects] * bool(area)
            if parts:
                kept[places[class_id] * len(views) + view] = area, bool(ignored), parts
        pairs = sorted(kept)
        runs = [part for pair in pairs for part in kept[pair][2]]
        return cls(
            names=dict(names),
            classes=classes,
            files=tuple(view.file for view in views),
            marks=tuple(view.mark for view in views),
            sizes=sizes,
            windows=windows.astype(np.int32),
            pairs=np.array(pairs, np.int64),
            areas=np.array([kept[pair][0] for pair in pairs], np.int64),
            crowded=np.array([kept[pair][1] for pair in pairs], np.uint8),
            runs=np.frombuffer(b"".join(runs), np.uint8),
            offsets=np.cumsum([0, *map(len, runs)], dtype=np.int64),
            firsts=np.cumsum([0, *(len(kept[pair][2]) for pair in pairs)], dtype=np.int64),
            **more,
        )

    def arrays(self) -> dict[str, NDArray[Any]]:
        """All attributes as arrays, except the folder, which may be another one the next time."""
        names = {"names": to_bytes(list(self.names.items()))}
        notes = {"notes": to_bytes([astuple(note) for note in self.notes])}
        texts = {name: to_bytes(getattr(self, name)) for name in _TEXTS}
        return names | notes | texts | {name: getattr(self, name) for name in _ARRAYS}

    @classmethod
    def of_arrays(cls, arrays: Arrays, kept: Path | None) -> Self:
        """The inverse of :meth:`arrays`."""
        names = {int(number): str(name) for number, name in of_bytes(arrays["names"])}
        notes = tuple(Note(*note) for note in of_bytes(arrays["notes"]))
        texts: dict[str, Any] = {name: tuple(of_bytes(arrays[name])) for name in _TEXTS}
        flat: dict[str, Any] = {name: arrays[name] for name in _ARRAYS}
        return cls(names, tuple(sorted(names)), **texts, **flat, notes=notes, kept=kept)

    def located(self, where: Path, folder: Path) -> Regions:
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
        """Pickle the name of its file instead, if it has one."""
        if self.kept is None:
            return type(self).of_arrays, (self.arrays(), None)
        return _reopened, (self.kept, self.folder)

    def views(self, class_id: ClassId, least: float = 0) -> list[int]:
        """Places of the views with at least ``least`` pixels of the class (at least one in any case), ascending."""
        begin, end = self._span(class_id)
        shown = self.pairs[begin:end][self.areas[begin:end] >= max(least, 1)]
        places: list[int] = (shown - self.classes.index(class_id) * len(self.files)).tolist()
        return places

    def mask(self, view: int, class_id: ClassId) -> NDArray[np.uint8]:
        """uint8 [H, W] of the picture's size: 1 on objects, 255 on crowds where no object is, else 0."""
        height, width = self.sizes[view].tolist()
        mask = np.zeros((height, width), np.uint8)
        at = self._at(view, class_id)
        crowds, objects = ([], []) if at is None else self._parts(at)
        for parts, value in ((crowds, IGNORE), (objects, 1)):
            if parts:
                mask[decode(union(parts, height, width), height, width).astype(bool)] = value
        return mask

    def shows(self, view: int, class_id: ClassId) -> bool:
        """Whether an object of the class, not only a crowd, has a pixel in the window."""
        at = self._at(view, class_id)
        return at is not None and bool(self.areas[at])

    def objects(self, view: int) -> tuple[NDArray[np.int16], tuple[ClassId, ...]]:
        """Every object, without crowds: a map of the picture's size (see ``overlaid``), and the class of each."""
        views = len(self.files)
        wanted = np.arange(len(self.classes)) * views + view
        ends = np.searchsorted(self.pairs, wanted, "right")
        places = ends[ends > np.searchsorted(self.pairs, wanted)] - 1
        found = [(self.classes[int(self.pairs[at]) // views], part) for at in places for part in self._parts(at)[1]]
        numbers = overlaid([part for _, part in found], *self.sizes[view].tolist())
        return numbers, tuple(class_id for class_id, _ in found)

    def objects_of(self, class_id: ClassId, least: float = 0) -> int:
        """Number of the class's objects, over all of :meth:`views`."""
        begin, end = self._span(class_id)
        parts = np.diff(self.firsts[begin : end + 1]) - self.crowded[begin:end]
        return int(parts[self.areas[begin:end] >= max(least, 1)].sum())

    def _span(self, class_id: ClassId) -> tuple[int, int]:
        """Where the pairs of a class begin and end."""
        first = self.classes.index(class_id) * len(self.files)
        begin, end = np.searchsorted(self.pairs, [first, first + len(self.files)]).tolist()
        return begin, end

    def _at(self, view: int, class_id: ClassId) -> int | None:
        pair = self.classes.index(class_id) * len(self.files) + view
        at = int(np.searchsorted(self.pairs, pair))
        return at if at < len(self.pairs) and self.pairs[at] == pair else None

    def _parts(self, at: int) -> tuple[list[bytes], list[bytes]]:
        """Run lengths of a pair's crowds, as one piece if there are any, and of its objects."""
        bounds = self.offsets[self.firsts[at] : self.firsts[at + 1] + 1].tolist()
        parts = [self.runs[begin:end].tobytes() for begin, end in pairwise(bounds)]
        return parts[: self.crowded[at]], parts[self.crowded[at] :]


def _reopened(kept: Path, folder: Path | None) -> Regions:
    found = reopened(Regions, kept)
    return found if folder is None else found.located(kept, folder)
