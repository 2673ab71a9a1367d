"""A file of prompts: JSON that says for pictures what is of which class, by points, boxes, scribbles or masks."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sansa_lightning.clips.prompt import Prompt
from sansa_lightning.data.formats.annotations.json_file import read_json
from sansa_lightning.data.formats.mask_files import read_object_mask
from sansa_lightning.data.formats.picture_files import below
from sansa_lightning.files.messages import brief
from sansa_lightning.images.orientation import Exif

KEYS = {"image", "class", "points", "labels", "box", "scribbles", "mask"}

MOST_CLICKS = 64
"""Of a scribble: each click is a token of the decoder."""

Entry = Mapping[str, Any]


def prompted_images(path: Path, images: Path, exif: Exif) -> Iterator[tuple[str, Path, Callable[[], Prompt]]]:
    """Class, picture and prompt of each reference in a file.

    Args:
        path: of the file, ``{"references": [{"image", "class", and what marks it}]}``; see docs/annotate.md.
        images: folder of the pictures and masks.
        exif: for mask files, see ``orientation.Exif``.

    Raises:
        ValueError: an entry is something else; names it.
    """
    entries = read_json(path, "a file of prompts")["references"]
    if not isinstance(entries, list):
        msg = f"{path}: expected a list of references, but got {brief(entries)}"
        raise ValueError(msg)
    for number, entry in enumerate(entries):
        where = f"{path}, reference {number}"
        if not isinstance(entry, dict) or not isinstance(entry.get("class"), str) or not entry["class"]:
            msg = f"{where}: expected an object with image, class and a prompt, but got {brief(entry)}"
            raise ValueError(msg)
        if odd := sorted(entry.keys() - KEYS):
            msg = f"{where}: expected only {', '.join(sorted(KEYS))}, but got {brief(odd[0])}"
            raise ValueError(msg)
        if "mask" in entry:
            yield entry["class"], images / below(where, entry.get("image")), partial(_mask, where, entry, images, exif)
        else:
            prompt = _sparse(where, entry)
            yield entry["class"], images / below(where, entry.get("image")), partial(_same, prompt)


def _same(prompt: Prompt) -> Prompt:
    return prompt


def _mask(where: str, entry: Entry, images: Path, exif: Exif) -> Prompt:
    if entry.keys() & {"points", "labels", "box", "scribbles"}:
        msg = f"{where}: expected a mask alone, or points, scribbles and a box, but got both"
        raise ValueError(msg)
    return Prompt.mask(read_object_mask(images / below(where, entry["mask"]), exif).mask == 1)


def _sparse(where: str, entry: Entry) -> Prompt:
    """Points with those of scribbles, and perhaps a box."""
    try:
        points = [tuple(point) for point in entry.get("points", [])]
        labels = list(entry.get("labels", [1] * len(points)))
        if len(labels) != len(points):
            msg = f"expected {len(points)} labels, one per point, but got {len(labels)}"
            raise ValueError(msg)
        drawn = [tuple(point) for stroke in entry.get("scribbles", []) for point in clicks_on(stroke).tolist()]
        points, labels = points + drawn, labels + [1] * len(drawn)
        if "box" in entry:
            return Prompt.box(entry["box"], points or None, labels if points else None)
        return Prompt.points(points, labels)
    except (ValueError, TypeError, RuntimeError) as error:  # torch's, of nested lists of unequal lengths
        msg = f"{where}: {' '.join(str(error).split())}"
        raise ValueError(msg) from error


def clicks_on(stroke: Any) -> NDArray[np.float64]:
    """Evenly spaced clicks along a stroke, [P, 2] with P <= ``MOST_CLICKS``: one each pixel, or fewer.

    Args:
        stroke: (x, y) of its vertices, [n, 2], n >= 1.

    Raises:
        ValueError: it is something else.
    """
    vertices = np.asarray(stroke, np.float64)
    if vertices.ndim != 2 or vertices.shape[1] != 2 or not len(vertices) or not np.isfinite(vertices).all():
        msg = f"expected a scribble as a list of points (x, y), but got {brief(stroke)}"
        raise ValueError(msg)
    way = np.concatenate([[0], np.hypot(*np.diff(vertices, axis=0).T).cumsum()])
    places = np.linspace(0, way[-1], min(MOST_CLICKS, int(way[-1]) + 1))
    return np.stack([np.interp(places, way, column) for column in vertices.T], axis=1)
