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
from sansa_lightning.files.messages import brief, counted
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
    mask = images / below(where, entry["mask"])
    drawn = read_object_mask(mask, exif).mask == 1
    if not drawn.any():
        msg = f"{where}: expected a mask that shows the class, but {mask} is empty"
        raise ValueError(msg)
    return Prompt.mask(drawn)


def _sparse(where: str, entry: Entry) -> Prompt:
    """Points with those of scribbles, and perhaps a box."""
    try:
        points = _pairs("points", entry.get("points", []))
        labels = entry.get("labels", [1] * len(points))
        if not isinstance(labels, list) or any(type(each) is not int or each not in (0, 1) for each in labels):
            msg = f"expected labels as a list of 0 and 1, but got {brief(labels)}"
            raise ValueError(msg)
        if len(labels) != len(points):
            msg = f"expected {counted(len(points), 'label')}, one per point, but got {len(labels)}"
            raise ValueError(msg)
        drawn = [click for stroke in _listed(entry.get("scribbles", [])) for click in clicks_on(stroke).tolist()]
        points, labels = points + drawn, labels + [1] * len(drawn)
        if "box" not in entry and 1 not in labels:
            what = "clicks on the background alone" if points else "none"
            msg = f"expected a box, or points on the object, but got {what}"
            raise ValueError(msg)
        if "box" in entry:
            return Prompt.box(_corners(entry["box"]), points or None, labels if points else None)
        return Prompt.points(points, labels)
    except ValueError as error:
        msg = f"{where}: {error}"
        raise ValueError(msg) from error


def _pairs(what: str, given: Any) -> list[list[float]]:
    if not isinstance(given, list) or not all(_are_numbers(each, 2) for each in given):
        msg = f"expected {what} as a list of [x, y], but got {brief(given)}"
        raise ValueError(msg)
    return given


def _listed(given: Any) -> list[Any]:
    if not isinstance(given, list):
        msg = f"expected scribbles as a list of strokes, each a list of [x, y], but got {brief(given)}"
        raise ValueError(msg)
    return given


def _corners(given: Any) -> list[float]:
    if not _are_numbers(given, 4):
        msg = f"expected a box as four numbers x0, y0, x1, y1, but got {brief(given)}"
        raise ValueError(msg)
    corners: list[float] = given
    return corners


def _are_numbers(given: Any, count: int) -> bool:
    """Whether it is a list of so many finite numbers."""
    if not isinstance(given, list) or len(given) != count:
        return False
    return all(type(each) in (int, float) and abs(each) < 1e9 for each in given)


def clicks_on(stroke: Any) -> NDArray[np.float64]:
    """Evenly spaced clicks along a stroke, [P, 2] with P <= ``MOST_CLICKS``: one each pixel, or fewer.

    Args:
        stroke: (x, y) of its vertices, [n, 2], n >= 1.

    Raises:
        ValueError: it is something else.
    """
    if not stroke:
        msg = "expected a scribble as a list of [x, y], but got an empty one"
        raise ValueError(msg)
    vertices = np.array(_pairs("a scribble", stroke), np.float64)
    way = np.concatenate([[0], np.hypot(*np.diff(vertices, axis=0).T).cumsum()])
    places = np.linspace(0, way[-1], min(MOST_CLICKS, int(way[-1]) + 1))
    return np.stack([np.interp(places, way, column) for column in vertices.T], axis=1)
