"""What a person draws on a picture: clicks and a box, or a mask."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sansa_lightning.clips.prompt import Prompt
from sansa_lightning.data.formats.annotations.run_lengths import of_array, of_counts
from sansa_lightning.images.pictures import resize_mask

Click = tuple[float, float, int]
"""(x, y) in pixels of the picture, and 1 on the object or 0 beside it."""

Box = tuple[float, float, float, float]
"""(x0, y0, x1, y1) in pixels of the picture."""

Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Marks:
    """Marks on one picture for one class: clicks and perhaps a box, or a mask alone.

    Attributes:
        clicks: in their order.
        box: None if there is none.
        runs: the mask as COCO's compressed run lengths; None if there is none.
    """

    clicks: tuple[Click, ...] = ()
    box: Box | None = None
    runs: bytes | None = None

    @classmethod
    def of_mask(cls, mask: Mask) -> Marks:
        """A mask, bool [H, W].

        Raises:
            ValueError: it is empty.
        """
        if not mask.any():
            msg = "mask: expected an object, but the mask is empty"
            raise ValueError(msg)
        return cls(runs=of_array(mask, *mask.shape))

    @classmethod
    def read(cls, entry: Mapping[str, Any], size: tuple[int, int]) -> Marks:
        """From what :meth:`entry` gave, for a picture of a size (H, W).

        Raises:
            ValueError: the run lengths are damaged, or of another size.
            KeyError, TypeError: it is something else.
        """
        runs = None if entry["mask"] is None else of_counts(entry["mask"], *size)
        box = None if entry["box"] is None else tuple(map(float, entry["box"]))
        clicks = tuple((float(x), float(y), int(label)) for x, y, label in entry["clicks"])
        return cls(clicks, box, runs)  # type: ignore[arg-type]  # Prompt checks their number

    def entry(self, size: tuple[int, int]) -> dict[str, Any]:
        """In plain values, for a picture of a size (H, W)."""
        mask = None if self.runs is None else {"size": list(size), "counts": self.runs.decode("ascii")}
        return {"clicks": [list(click) for click in self.clicks], "box": self.box, "mask": mask}

    def with_click(self, click: Click) -> Marks:
        """These and a click.

        Raises:
            ValueError: there is a mask, which takes no clicks.
        """
        self._check_no_mask("click")
        return replace(self, clicks=(*self.clicks, click))

    def with_box(self, first: tuple[float, float], second: tuple[float, float]) -> Marks:
        """These with a box between two corners (x, y), in any order.

        Raises:
            ValueError: there is a mask, or the box has no area.
        """
        self._check_no_mask("box")
        (x0, x1), (y0, y1) = (sorted(pair) for pair in zip(first, second, strict=True))
        if x0 == x1 or y0 == y1:
            msg = "box: expected two corners that are not in one line"
            raise ValueError(msg)
        return replace(self, box=(x0, y0, x1, y1))

    def prompt(self, size: tuple[int, int], side: int) -> Prompt:
        """As a model reads them, in pixels of a clip.

        Args:
            size: (H, W) of the picture.
            side: of the clip, to which the picture is squashed.

        Raises:
            ValueError: they do not say where the object is.
        """
        if self.runs is not None:
            return Prompt.mask(resize_mask(mask_of_runs(self.runs, size), side))
        across, down = side / size[1], side / size[0]
        points, labels = [(x * across, y * down) for x, y, _ in self.clicks], [label for _, _, label in self.clicks]
        if self.box is not None:
            x0, y0, x1, y1 = self.box
            box = (x0 * across, y0 * down, x1 * across, y1 * down)
            return Prompt.box(box, points or None, labels if points else None)
        if 1 not in labels:
            msg = "marks: expected a click on the object, a box or a mask"
            raise ValueError(msg)
        return Prompt.points(points, labels)

    def _check_no_mask(self, what: str) -> None:
        if self.runs is not None:
            msg = f"{what}: expected clicks or a box, or a mask alone; clear the mask first"
            raise ValueError(msg)


def mask_of_runs(runs: bytes, size: tuple[int, int]) -> Mask:
    """The mask of compressed run lengths, bool [H, W]."""
    from pycocotools import mask as coco_mask

    return np.asarray(coco_mask.decode({"size": list(size), "counts": runs})) == 1
