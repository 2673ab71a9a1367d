"""What a class looks like where: masks of whole pictures or of single objects in them, as flat arrays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sansa_lightning.clip import ClassId
from sansa_lightning.data.run_lengths import decode, union


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


@dataclass(frozen=True, slots=True, eq=False)
class Regions:
    """Views with the masks of classes in them. Build it with :meth:`pack`.

    Masks are run lengths in a single block of bytes: forked workers read it without touching the reference counts
    of a million small objects, which would copy their pages.

    Attributes:
        names: class id -> a person's word for it; the order is that of the dataset's own list.
        classes: class ids, ascending.
        keys: of the views.
        files: of the views.
        sizes: int32 [views, 2], (H, W) of the picture.
        windows: int32 [views, 4], cut at the picture's edges.
        pairs: int64 [pairs], ascending, place of the class in ``classes`` * number of views + view.
        runs: run lengths in the picture of the pairs, one after the other.
        offsets: int64 [pairs + 1], where they begin.
    """

    names: Mapping[ClassId, str]
    classes: tuple[ClassId, ...]
    keys: tuple[str, ...]
    files: tuple[str, ...]
    sizes: NDArray[np.int32]
    windows: NDArray[np.int32]
    pairs: NDArray[np.int64]
    runs: bytes
    offsets: NDArray[np.int64]

    @classmethod
    def pack(
        cls,
        names: Mapping[ClassId, str],
        views: Sequence[View],
        drawn: Mapping[tuple[ClassId, int], Sequence[bytes]],
    ) -> Regions:
        """The regions of all classes.

        Args:
            names: see the attributes.
            views: in the order in which images are to be listed.
            drawn: (class id, place of the view) -> run lengths whose union is the class's mask there. Pairs of which
                nothing is in the window are left out.
        """
        sizes = np.array([view.size for view in views], np.int32).reshape(-1, 2)
        windows = np.array([view.window for view in views], np.int64).reshape(-1, 4)
        windows = np.clip(windows, 0, sizes[:, [1, 0, 1, 0]])
        classes = tuple(sorted(names))
        places = {class_id: place for place, class_id in enumerate(classes)}
        kept: dict[int, bytes] = {}
        for (class_id, view), parts in drawn.items():
            size, window = sizes[view].tolist(), windows[view].tolist()
            runs = union(parts, *size)
            if _shows(runs, size, window):
                kept[places[class_id] * len(views) + view] = runs
        pairs = sorted(kept)
        return cls(
            names=dict(names),
            classes=classes,
            keys=tuple(view.key for view in views),
            files=tuple(view.file for view in views),
            sizes=sizes,
            windows=windows.astype(np.int32),
            pairs=np.array(pairs, np.int64),
            runs=b"".join(kept[pair] for pair in pairs),
            offsets=np.cumsum([0, *(len(kept[pair]) for pair in pairs)], dtype=np.int64),
        )

    def views(self, class_id: ClassId) -> list[int]:
        """Places of the views that show the class, ascending."""
        first = self.classes.index(class_id) * len(self.keys)
        begin, end = np.searchsorted(self.pairs, [first, first + len(self.keys)])
        places: list[int] = (self.pairs[begin:end] - first).tolist()
        return places

    def mask(self, view: int, class_id: ClassId) -> NDArray[np.uint8]:
        """uint8 {0, 1} of the picture's size [H, W]."""
        pair = self.classes.index(class_id) * len(self.keys) + view
        at = int(np.searchsorted(self.pairs, pair))
        height, width = self.sizes[view].tolist()
        if at == len(self.pairs) or self.pairs[at] != pair:
            return np.zeros((height, width), np.uint8)
        return decode(self.runs[self.offsets[at] : self.offsets[at + 1]], height, width)


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
