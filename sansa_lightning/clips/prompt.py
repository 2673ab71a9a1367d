"""Prompts, which annotate references: a mask, clicks, a box, or a box and clicks."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from sansa_lightning.clips.moving import Movable
from sansa_lightning.files.messages import counted
from sansa_lightning.images.object_masks import IGNORE, object_mask
from sansa_lightning.images.pictures import drawn_mask, opened

POINT_LABELS = {-1: "padding", 0: "background", 1: "foreground", 2: "box corner x0 y0", 3: "box corner x1 y1"}
"""Meaning of a point's label, as in SAM 2."""


@dataclass(frozen=True, slots=True)
class Prompt(Movable):
    """The annotation of one reference. Build it with :meth:`mask`, :meth:`points` or :meth:`box`.

    Coordinates are (x, y) in pixels of the clip's own size, measured from the top left corner.

    Attributes:
        kind: "mask", "point" or "box"; a box with clicks is a "box".
        dense: the mask, float32 [H, W] in {0, 1}; None unless kind is "mask".
        coords: float32 [P, 2]; None if kind is "mask". A box is its two corners, before any clicks.
        labels: int32 [P], see ``POINT_LABELS``; None if kind is "mask".
    """

    kind: Literal["mask", "point", "box"]
    dense: Tensor | None = None
    coords: Tensor | None = None
    labels: Tensor | None = None

    @classmethod
    def mask(cls, mask: Any) -> Prompt:
        """A mask prompt.

        All masks are read as mask files are, by the one rule of ``object_masks``: 0 and 255 without a 1 are background
        and object. What is to be ignored counts as background.

        Args:
            mask: [H, W]; a tensor, an array or nested lists of bool or of whole numbers from 0 to 255; or a picture, a
                PIL image or a path, which is turned upright if it has an EXIF orientation.

        Raises:
            FileNotFoundError: there is no such file.
            ValueError: another shape or other values, as of logits or of a map of several classes.
        """
        return cls("mask", dense=_foreground(mask))

    @classmethod
    def points(cls, xy: Any, labels: Any = None) -> Prompt:
        """Clicks.

        Args:
            xy: [P, 2], P >= 1, or (x, y) of a single one; pixels of the clip.
            labels: [P], 1 foreground or 0 background, or the label of a single click; all foreground if None.

        Raises:
            ValueError: other shapes or labels, or coordinates that are not finite.
        """
        coords, kinds = _clicks(xy, labels, "Prompt.points")
        return cls("point", coords=coords, labels=kinds)

    @classmethod
    def box(cls, xyxy: Any, points: Any = None, labels: Any = None) -> Prompt:
        """A box, perhaps with clicks that correct it.

        Args:
            xyxy: (x0, y0, x1, y1), x1 and y1 exclusive, pixels of the clip; four numbers or [2, 2].
            points: clicks as for :meth:`points`, which follow the corners as in SAM 2; none if None.
            labels: of the clicks.

        Raises:
            ValueError: not four finite numbers in order, or clicks that :meth:`points` refuses.
        """
        corners = torch.as_tensor(xyxy, dtype=torch.float32)
        if corners.numel() != 4:
            msg = f"Prompt.box: expected four numbers x0, y0, x1, y1, but got shape {list(corners.shape)}"
            raise ValueError(msg)
        coords = _finite(corners.reshape(2, 2), "Prompt.box")
        if bool((coords[0] > coords[1]).any()):
            msg = f"Prompt.box: expected x0 <= x1 and y0 <= y1, but got {coords.flatten().tolist()}"
            raise ValueError(msg)
        kinds = torch.tensor([2, 3], dtype=torch.int32, device=coords.device)
        if points is not None:
            clicks, clicked = _clicks(points, labels, "Prompt.box")
            coords, kinds = torch.cat([coords, clicks.to(coords)]), torch.cat([kinds, clicked.to(kinds)])
        elif labels is not None:
            msg = "Prompt.box: expected labels together with points, but got labels alone"
            raise ValueError(msg)
        return cls("box", coords=coords, labels=kinds)

    @property
    def group(self) -> tuple[str, int]:
        """Prompts of one group can share a decoder call: dense or sparse, and the number of points.

        Padding tokens would take part in the decoder's attention, so unequal counts are never padded.
        """
        return ("dense", 0) if self.coords is None else ("sparse", len(self.coords))


def _foreground(mask: Any) -> Tensor:
    """float32 [H, W] in {0, 1}; see :meth:`Prompt.mask`."""
    if isinstance(mask, str | Path):
        with opened(Path(mask).expanduser()) as picture:
            mask = drawn_mask(picture)
    elif isinstance(mask, Image.Image):
        mask = drawn_mask(mask)
    values = mask if isinstance(mask, Tensor) else np.asarray(mask)
    if values.ndim != 2:
        msg = f"Prompt.mask: expected a mask of shape [H, W], but got {list(values.shape)}"
        raise ValueError(msg)
    foreground = values == 1
    known = foreground | (values == 0)
    if not known.all() and not (foreground.any() and (known | (values == IGNORE)).all()):
        foreground = _by_rule(values)
    return torch.as_tensor(foreground, device=getattr(mask, "device", None)).float()


def _by_rule(values: Any) -> NDArray[np.bool_]:
    """Bool [H, W] of values beyond 0 and 1, by the rule of mask files.

    Raises:
        ValueError: they are no bytes, or no mask of one object.
    """
    array = values.detach().cpu().float().numpy() if isinstance(values, Tensor) else values
    if array.dtype.kind in "uif":
        odd = ~((array >= 0) & (array <= 255) & (array == np.floor(array)))
    else:
        odd = (array != 0) & (array != 1)
    if odd.any():
        msg = (
            f"Prompt.mask: expected bool, or whole numbers from 0 to 255, but got {array[odd][0]}; "
            f"for logits or probabilities pass mask > threshold"
        )
        raise ValueError(msg)
    try:
        return object_mask(Image.fromarray(array.astype(np.uint8)), "L").mask == 1
    except ValueError as error:
        msg = f"Prompt.mask: {error}; of a map of several classes pass mask == number"
        raise ValueError(msg) from error


def _clicks(xy: Any, labels: Any, where: str) -> tuple[Tensor, Tensor]:
    """float32 [P, 2] and int32 [P]; see :meth:`Prompt.points`."""
    coords = torch.as_tensor(xy, dtype=torch.float32)
    if coords.shape == (2,):  # of one click
        coords = coords[None]
    if coords.ndim != 2 or coords.shape[1] != 2 or not len(coords):
        msg = f"{where}: expected points of shape [P, 2] with P >= 1, or one (x, y), but got {list(coords.shape)}"
        raise ValueError(msg)
    kinds = torch.ones(len(coords), device=coords.device) if labels is None else torch.as_tensor(labels)
    if kinds.ndim == 0:
        kinds = kinds[None]
    if kinds.shape != coords.shape[:1]:
        msg = f"{where}: expected {counted(len(coords), 'label')}, one per point, but got shape {list(kinds.shape)}"
        raise ValueError(msg)
    odd = (kinds != 0) & (kinds != 1)
    if bool(odd.any()):
        place = int(odd.nonzero()[0])
        msg = (
            f"{where}: expected labels 0 and 1, but got {kinds[place].item()} for point {place}; "
            f"for a box with clicks use Prompt.box(xyxy, points, labels)"
        )
        raise ValueError(msg)
    return _finite(coords, where), kinds.int()


def _finite(coords: Tensor, where: str) -> Tensor:
    odd = ~coords.isfinite().all(dim=1)
    if bool(odd.any()):
        msg = f"{where}: expected finite coordinates, but got {coords[odd][0].tolist()}"
        raise ValueError(msg)
    return coords
