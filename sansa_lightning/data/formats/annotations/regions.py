"""What a class looks like where: masks of whole pictures or of single objects in them, as flat arrays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from sansa_lightning.clip import ClassId
from sansa_lightning.data.formats.annotations.run_lengths import decode, overlaid, union
from sansa_lightning.data.formats.index_cache import Arrays, of_bytes, reopened, to_bytes
from sansa_lightning.data.formats.notes import Note


class View(NamedTuple):
    """What one image key shows: a picture, or the window of one object in it.

    Attributes:
        key: of the image; several keys may share a file.
        file: the picture, below the source's image folder.
        size: (H, W) of the picture, pixels.
        window: (x0, y0, x1, y1) that is shown, pixels, x1 and y1 exclusive; it may reach beyond the picture.
    """

    key: str
    file: str
    size: tuple[int, int]
    window: tuple[int, int, int, int]

    @classmethod
    def whole(cls, key: str, file: str, size: tuple[int, int]) -> View:
        """The view that is the whole picture."""
        return cls(key, file, size, (0, 0, size[1], size[0]))


_ARRAYS = ("sizes", "windows", "pairs", "runs", "offsets", "firsts")


@dataclass(frozen=True, slots=True, eq=False)
class Regions:
    """Views with the masks of classes in them. Build it with :meth:`pack`.

    Masks are run lengths in a single block of bytes: forked workers read it without touching the reference counts
    of a million small objects, which would copy their pages. Arrays may be mapped from a file; spawned workers are
    then sent its name.

    Attributes:
        names: class id -> a person's word for it; the order is that of the dataset's own list.
        classes: class ids, ascending.
        keys: of the views.
        files: of the views.
        sizes: int32 [views, 2], (H, W) of the picture.
        windows: int32 [views, 4], cut at the picture's edges.
        pairs: int64 [pairs], ascending, place of the class in ``classes`` * number of views + view.
        runs: uint8, run lengths in the picture of each pair's parts, one after the other.
        offsets: int64 [parts + 1], where they begin.
        firsts: int64 [pairs + 1], number of each pair's first part.
        kept: the file that the arrays are mapped from, if any.
        notes: what was left out or merged.
    """

    names: Mapping[ClassId, str]
    classes: tuple[ClassId, ...]
    keys: tuple[str, ...]
    files: tuple[str, ...]
    sizes: NDArray[np.int32]
    windows: NDArray[np.int32]
    pairs: NDArray[np.int64]
    runs: NDArray[np.uint8]
    offsets: NDArray[np.int64]
    firsts: NDArray[np.int64]
    kept: Path | None = None
    notes: tuple[Note, ...] = ()

    @classmethod
    def pack(
        cls,
        names: Mapping[ClassId, str],
        views: Sequence[View],
        drawn: Mapping[tuple[ClassId, int], Sequence[bytes]],
        notes: Sequence[Note] = (),
    ) -> Regions:
        """The regions of all classes.

        Args:
            names: see the attributes.
            views: in the order in which images are to be listed.
            drawn: (class id, place of the view) -> run lengths of its objects, whose union is the class's mask
                there. Pairs of which nothing is in the window are left out.
            notes: see the attributes.
        """
        sizes = np.array([view.size for view in views], np.int32).reshape(-1, 2)
        windows = np.array([view.window for view in views], np.int64).reshape(-1, 4)
        windows = np.clip(windows, 0, sizes[:, [1, 0, 1, 0]])
        classes = tuple(sorted(names))
        places = {class_id: place for place, class_id in enumerate(classes)}
        kept: dict[int, Sequence[bytes]] = {}
        for (class_id, view), parts in drawn.items():
            size, window = sizes[view].tolist(), windows[view].tolist()
            if _shows(union(parts, *size), size, window):
                kept[places[class_id] * len(views) + view] = parts
        pairs = sorted(kept)
        runs = [part for pair in pairs for part in kept[pair]]
        return cls(
            names=dict(names),
            classes=classes,
            keys=tuple(view.key for view in views),
            files=tuple(view.file for view in views),
            sizes=sizes,
            windows=windows.astype(np.int32),
            pairs=np.array(pairs, np.int64),
            runs=np.frombuffer(b"".join(runs), np.uint8),
            offsets=np.cumsum([0, *map(len, runs)], dtype=np.int64),
            firsts=np.cumsum([0, *(len(kept[pair]) for pair in pairs)], dtype=np.int64),
            notes=tuple(notes),
        )

    def arrays(self) -> dict[str, NDArray[Any]]:
        """All of it as arrays."""
        texts = {
            "names": to_bytes(list(self.names.items())),
            "keys": to_bytes(self.keys),
            "files": to_bytes(self.files),
            "notes": to_bytes([astuple(note) for note in self.notes]),
        }
        return texts | {name: getattr(self, name) for name in _ARRAYS}

    @classmethod
    def of_arrays(cls, arrays: Arrays, kept: Path | None) -> Self:
        """What :meth:`arrays` is of."""
        names = {int(number): str(name) for number, name in of_bytes(arrays["names"])}
        keys, files = (tuple(of_bytes(arrays[name])) for name in ("keys", "files"))
        flat: dict[str, Any] = {name: arrays[name] for name in _ARRAYS}
        notes = tuple(Note(*note) for note in of_bytes(arrays["notes"]))
        return cls(names, tuple(sorted(names)), keys, files, **flat, kept=kept, notes=notes)

    def __reduce__(self) -> tuple[Any, ...]:
        """As the name of its file, if it has one."""
        if self.kept is not None:
            return reopened, (type(self), self.kept)
        return type(self).of_arrays, (self.arrays(), None)

    def views(self, class_id: ClassId) -> list[int]:
        """Places of the views that show the class, ascending."""
        first = self.classes.index(class_id) * len(self.keys)
        begin, end = np.searchsorted(self.pairs, [first, first + len(self.keys)])
        places: list[int] = (self.pairs[begin:end] - first).tolist()
        return places

    def mask(self, view: int, class_id: ClassId) -> NDArray[np.uint8]:
        """uint8 {0, 1} of the picture's size [H, W]."""
        height, width = self.sizes[view].tolist()
        parts = self.parts(view, class_id)
        return decode(union(parts, height, width), height, width) if parts else np.zeros((height, width), np.uint8)

    def parts(self, view: int, class_id: ClassId) -> list[bytes]:
        """Run lengths in the picture of the class's objects; none if nothing of it is in the window."""
        pair = self.classes.index(class_id) * len(self.keys) + view
        at = int(np.searchsorted(self.pairs, pair))
        return self._parts(at) if at < len(self.pairs) and self.pairs[at] == pair else []

    def objects(self, view: int) -> tuple[NDArray[np.int16], tuple[ClassId, ...]]:
        """Every object: its map (see ``overlaid``), of the picture's size, and the class of each."""
        views = len(self.keys)
        wanted = np.arange(len(self.classes)) * views + view
        ends = np.searchsorted(self.pairs, wanted, "right")
        places = ends[ends > np.searchsorted(self.pairs, wanted)] - 1
        found = [(self.classes[int(self.pairs[at]) // views], part) for at in places for part in self._parts(at)]
        numbers = overlaid([part for _, part in found], *self.sizes[view].tolist())
        return numbers, tuple(class_id for class_id, _ in found)

    def _parts(self, at: int) -> list[bytes]:
        bounds = self.offsets[self.firsts[at] : self.firsts[at + 1] + 1].tolist()
        return [self.runs[begin:end].tobytes() for begin, end in pairwise(bounds)]

    def objects_of(self, class_id: ClassId) -> int:
        """Number of the class's objects or parts, over all its views."""
        first = self.classes.index(class_id) * len(self.keys)
        begin, end = np.searchsorted(self.pairs, [first, first + len(self.keys)])
        return int(self.firsts[end] - self.firsts[begin])


def _shows(runs: bytes, size: list[int], window: list[int]) -> bool:
    """Whether a pixel of the mask is in the window."""
    from pycocotools import mask as coco_mask

    x0, y0, x1, y1 = window
    coded = {"size": size, "counts": runs}
    if not coco_mask.area(coded) or x0 >= x1 or y0 >= y1:
        return False
    left, top, width, height = coco_mask.toBbox(coded).tolist()
    if left >= x0 and top >= y0 and left + width <= x1 and top + height <= y1:
        return True
    return bool(decode(runs, *size)[y0:y1, x0:x1].any())
