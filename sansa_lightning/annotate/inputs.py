"""What a caller gives to be segmented: pictures of many kinds, alone or several, and prompts in their own pixels."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from sansa_lightning.clips.prompt import Prompt
from sansa_lightning.files.messages import brief
from sansa_lightning.images.orientation import Exif, turned
from sansa_lightning.images.pictures import EIGHT_BITS, InMemory, decoded, resize_mask

_PREMULTIPLIED = {"La": "LA", "RGBa": "RGBA"}
"""Pillow's modes of colours that are multiplied by their transparency, and those of the colours themselves."""


def several_pictures(given: Any) -> list[Any]:
    """The pictures in a sequence, or the one that is given by itself.

    Raises:
        ValueError: neither.
    """
    shape = tuple(getattr(given, "shape", ()))
    if isinstance(given, Image.Image | str | Path) or len(shape) == 2 or (len(shape) == 3 and shape[2] == 3):
        return [given]
    return _listed(given, "targets as pictures")


def targets_among(given: Any) -> Iterable[Any]:
    """The pictures in any iterable, which is not read ahead, or the one that is given by itself.

    Raises:
        ValueError: neither.
    """
    if isinstance(given, Iterable) and not isinstance(given, Sequence) and not hasattr(given, "shape"):
        return given
    return several_pictures(given)


def batched(items: Iterable[Any], size: int) -> Iterator[list[Any]]:
    """Lists of ``size`` items in their order, the last perhaps shorter."""
    rest = iter(items)
    while group := list(islice(rest, size)):
        yield group


def several_references(given: Any) -> list[Any]:
    """The (picture, prompt) pairs in a sequence, or the one that is given by itself.

    Raises:
        ValueError: neither.
    """
    alone = isinstance(given, tuple | list) and len(given) == 2 and isinstance(given[1], Prompt)
    one_picture = isinstance(given, Image.Image | str | Path) or hasattr(given, "shape")
    return [given] if alone or one_picture else _listed(given, "references as (picture, Prompt) pairs")


def _listed(given: Any, wanted: str) -> list[Any]:
    if isinstance(given, Prompt) or not isinstance(given, Iterable):
        msg = f"segment: expected {wanted}, one or a list of them, but got one {type(given).__name__}"
        raise ValueError(msg)
    return list(given)


def prompted(pair: Any, number: int, exif: Exif) -> tuple[Image.Image, Prompt]:
    """A reference's picture, the right way up, and its prompt.

    Args:
        pair: of a picture and its prompt.
        number: of the reference, for the message.
        exif: see :func:`as_picture`.

    Raises:
        ValueError: it is something else.
    """
    parts = pair if isinstance(pair, tuple | list) else [pair]
    if len(parts) != 2 or not isinstance(parts[1], Prompt):
        got = ", ".join(type(part).__name__ for part in parts)
        msg = f"segment: expected references as (picture, Prompt) pairs, but number {number} is of {got}"
        raise ValueError(msg)
    dense = pair[1].dense
    return as_picture(pair[0], None if dense is None else (dense.shape[0], dense.shape[1]), exif), pair[1]


def as_picture(picture: Any, size: tuple[int, int] | None = None, exif: Exif = "upright") -> Image.Image:
    """A PIL image in RGB, the right way up.

    Args:
        picture: a PIL image, the path of a file, a file in memory, or uint8 [H, W, 3] RGB or [H, W] grey.
        size: (H, W) of its mask, if it has one.
        exif: "stored" leaves it as it is stored where ``size`` does not tell; see ``orientation.Exif``.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: anything else, or a file that is no whole picture.
    """
    if isinstance(picture, str | Path | InMemory):
        path = picture if isinstance(picture, InMemory) else Path(picture).expanduser()
        return _rgb(decoded(path, size, exif, same_size=False)[0])
    if isinstance(picture, Image.Image):
        return _rgb(turned(picture, size, exif))
    array = np.asarray(picture)
    if array.dtype != np.uint8 or array.ndim not in (2, 3) or (array.ndim == 3 and array.shape[2] != 3):
        msg = (
            f"segment: expected a PIL image, a path, or uint8 [H, W, 3] or [H, W], "
            f"but got {array.dtype} {list(array.shape)}{_remedy(array)}"
        )
        raise ValueError(msg)
    return Image.fromarray(array).convert("RGB")


def _remedy(array: NDArray[Any]) -> str:
    """What makes a picture of an array that is none; nothing where that cannot be told."""
    if array.ndim == 3 and array.shape[0] == 3:
        return "; channels come last: np.moveaxis(picture, 0, -1)"
    if array.ndim == 3 and array.shape[2] == 4:
        return "; leave transparency out: picture[..., :3]"
    if array.dtype.kind == "f" and array.size and array.min() >= 0 and array.max() <= 1:
        return "; its values are from 0 to 1: (picture * 255).round().astype(np.uint8)"
    return ""


def _rgb(picture: Image.Image) -> Image.Image:
    """A PIL image in RGB.

    Raises:
        ValueError: its values have no common scale with those of 8 bits: Pillow would cut them at 255.
    """
    if picture.mode in _PREMULTIPLIED:
        picture = picture.convert(_PREMULTIPLIED[picture.mode])
    if picture.mode not in (*EIGHT_BITS, "HSV"):
        msg = (
            f"segment: expected a picture of 8 bits a channel, but got a PIL image of mode {picture.mode}; scale its "
            f"values to 0 to 255 first, as Image.fromarray((np.asarray(picture) / highest * 255).astype(np.uint8)), "
            f"where highest is 65535 or 1.0 for white"
        )
        raise ValueError(msg)
    if "transparency" in picture.info:  # of a palette: Pillow warns of dropping it at once
        picture = picture.convert("RGBA")
    return picture.convert("RGB")


def fit_prompt(prompt: Prompt, picture: Image.Image, size: int, where: str = "segment") -> Prompt:
    """A prompt in pixels of its picture, in pixels of a clip of side ``size``.

    Args:
        prompt: of the picture.
        picture: the right way up.
        size: in pixels.
        where: it was given, for the message.

    Raises:
        ValueError: a mask prompt has another size than the picture.
    """
    if prompt.dense is None:
        scale = torch.tensor([size / picture.width, size / picture.height])
        coords = None if prompt.coords is None else prompt.coords.cpu() * scale
        return Prompt(prompt.kind, coords=coords, labels=prompt.labels)
    if prompt.dense.shape != (picture.height, picture.width):
        msg = f"{where}: expected a mask of {[picture.height, picture.width]}, but got {list(prompt.dense.shape)}"
        raise ValueError(msg)
    return Prompt.mask(resize_mask(prompt.dense.byte().cpu(), size))


def check_marks(prompt: Prompt, picture: Image.Image, where: str) -> None:
    """Check that a foreground click, or a part of a box, lies in the picture.

    Args:
        prompt: in pixels of the picture; a mask passes.
        picture: the right way up.
        where: it was given, for the message.

    Raises:
        ValueError: there is none.
    """
    if prompt.coords is None or prompt.labels is None:
        return
    coords, labels = prompt.coords.cpu(), prompt.labels.cpu()
    edge = torch.tensor([picture.width, picture.height])
    clicked = (labels == 1) & ((coords >= 0) & (coords <= edge)).all(dim=1)
    low, high = coords[labels == 2], coords[labels == 3]
    if not clicked.any() and not ((low < edge).all(dim=1) & (high > 0).all(dim=1)).any():
        msg = (
            f"{where}: expected a click on the object, or a box, inside the picture of {picture.width} x "
            f"{picture.height} pixels, but got {brief(coords.tolist())} with labels {brief(labels.tolist())}"
        )
        raise ValueError(msg)
