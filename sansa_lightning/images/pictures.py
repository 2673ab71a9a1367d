"""Reading pictures: from files to arrays, and from arrays to the frames and masks of a clip."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from sansa_lightning.files.messages import plain
from sansa_lightning.images.object_masks import object_mask
from sansa_lightning.images.orientation import Exif, Layout, Turn, turned

Size = int | tuple[int, int]
"""Side of a square, or (H, W), in pixels."""

FORMATS = ("BMP", "JPEG", "PNG", "TIFF", "WEBP")
"""The formats of picture files, by Pillow's names. Pillow reads others too, some of them by running other programs."""

LARGEST_SIDE = 65_535
"""Pixels, as in JPEG. pycocotools needs memory for the length of an outline: a wild coordinate would take all of it."""

EIGHT_BITS = ("1", "L", "P", "LA", "PA", "RGB", "RGBA", "RGBX", "CMYK", "YCbCr")
"""Pillow's modes with at most 8 bits a channel; only these are read."""

_JPEG_END = b"\xff\xd9"


def height_width(size: Size) -> tuple[int, int]:
    """``size`` as (H, W).

    Raises:
        ValueError: not one or two positive integers up to ``LARGEST_SIDE``.
    """
    pair = (size, size) if isinstance(size, int) else tuple(size)
    if len(pair) != 2 or any(type(side) is not int or not 1 <= side <= LARGEST_SIDE for side in pair):
        msg = f"size: expected one or two positive integers (H, W) up to {LARGEST_SIDE}, but got {size!r}"
        raise ValueError(msg)
    return pair


@dataclass(frozen=True, slots=True)
class InMemory:
    """A picture file that is in memory, as from an archive.

    Attributes:
        name: of the file, for messages.
        content: its bytes.
    """

    name: str
    content: bytes

    def __str__(self) -> str:
        """The name."""
        return self.name


@contextmanager
def opened(path: Path | InMemory) -> Iterator[Image.Image]:
    """A picture file with its header read; any error in the block counts as damage of the file.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is broken, or not a picture in one of ``FORMATS``; names the file.
    """
    try:
        file = io.BytesIO(path.content) if isinstance(path, InMemory) else path
        with Image.open(file, formats=FORMATS) as picture:
            yield picture
    except FileNotFoundError as error:
        msg = f"{path} is not there"
        raise FileNotFoundError(msg) from error
    except Exception as error:  # Pillow raises nearly anything on broken files
        msg = f"{path} cannot be decoded as an image: {plain(str(error)) or type(error).__name__}"
        raise ValueError(msg) from error


@dataclass(frozen=True, slots=True)
class Looked:
    """The findings of a look at a picture file.

    Attributes:
        size: (H, W) of the picture as it is read.
        turn: the treatment of its EXIF orientation; None if it has none.
        orientation: its EXIF orientation, 1 (upright) to 8.
    """

    size: tuple[int, int]
    turn: Turn | None = None
    orientation: int = 1


def decoded(
    path: Path | InMemory, size: tuple[int, int] | None = None, exif: Exif = "upright", same_size: bool = True
) -> tuple[Image.Image, str]:
    """The picture in a file, turned as ``Exif`` says, and the mode in which its values are stored.

    Args:
        path: of the file.
        size: (H, W) of the picture that was annotated; any if None.
        exif: what to do about an EXIF orientation if ``size`` does not settle it.
        same_size: whether the picture must have that size; one of another size is then not decoded.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it cannot be decoded, is damaged, has more than 8 bits a channel or another size; names the file.
    """
    with opened(path) as picture:
        layout, stored, kind = Layout.of(picture), stored_mode(picture), picture.format
        turn = layout.turn(size, exif)
        found = layout.size(turn)
        fits = (size in (None, found) or not same_size) and picture.mode in EIGHT_BITS
        if fits:
            picture = layout.shown(picture, turn)
            picture.load()
    if same_size:
        check_size(path, found, size or found)
    if not fits:
        raise _too_many_bits(path, stored)
    if kind == "PNG":
        _check_sums(path)
    return picture, stored


def read_image(
    path: Path, size: tuple[int, int] | None = None, exif: Exif = "upright", same_size: bool = True
) -> NDArray[np.uint8]:
    """The picture in a file: uint8 RGB [H, W, 3], see :func:`decoded`. Transparency is dropped."""
    picture, _ = decoded(path, size, exif, same_size)
    # Pillow copies even when the picture already has the mode.
    return np.array(picture if picture.mode == "RGB" else picture.convert("RGB"), np.uint8)


def check_image(
    path: Path, size: tuple[int, int] | None = None, exif: Exif = "upright", same_size: bool = True
) -> Looked:
    """Check that a file is a whole picture, without decoding it where that can be avoided.

    The checksums of a PNG must be right, and a JPEG must end with its end marker; anything else is decoded. Damage in
    the middle of a JPEG is found only when it is loaded, and not even then if it decodes to something. Arguments and
    errors are those of :func:`decoded`.
    """
    with opened(path) as picture:
        layout, mode, kind = Layout.of(picture), picture.mode, picture.format
    turn = layout.turn(size, exif)
    found = layout.size(turn)
    if same_size:
        check_size(path, found, size or found)
    if mode not in EIGHT_BITS:
        raise _too_many_bits(path, mode)
    if kind == "PNG":
        _check_sums(path)
    elif kind != "JPEG" or not _ends_with(path, _JPEG_END):
        decoded(path)
    return Looked(found, turn, layout.orientation)


def layout_of(path: Path) -> Layout:
    """Size and orientation of the pixels in a picture file, from its header.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: not a picture; names the file.
    """
    with opened(path) as picture:
        return Layout.of(picture)


def stored_mode(picture: Image.Image) -> str:
    """Pillow's mode; for grey of 2 or 4 bits, which Pillow stretches to 8, the file's own: "L;2", "L;4".

    These two are known only until the picture is decoded.
    """
    tiles = getattr(picture, "tile", None)
    stored = tiles[0][3] if tiles else None
    return str(stored) if stored in ("L;2", "L;4") else picture.mode


def check_size(path: Path | InMemory, found: tuple[int, ...], expected: tuple[int, ...]) -> None:
    """Check that a picture has the size (H, W) that its annotations state.

    Raises:
        ValueError: its size is another one.
    """
    if tuple(found) != tuple(expected):
        msg = (
            f"{path}: expected {expected[1]}x{expected[0]} pixels as its annotations say, "
            f"but it has {found[1]}x{found[0]}"
        )
        raise ValueError(msg)


def to_frame(
    image: Image.Image | NDArray[np.uint8],
    size: Size,
    out: Tensor | None = None,
    resampling: Image.Resampling = Image.Resampling.BILINEAR,
) -> Tensor:
    """A frame of a clip: the whole picture squashed to ``size`` (docs/sansa.md 1.2, step 1).

    Args:
        image: a PIL image, or uint8 [H, W, 3] RGB or [H, W] grey.
        size: of the frame.
        out: filled with the result, uint8 [3, H, W]; a new tensor if None.
        resampling: PIL's filter, which averages when it shrinks; bilinear unless a paper has another.

    Returns:
        uint8 [3, H, W], RGB.
    """
    picture = resize_picture(image, size, resampling)
    frame = torch.empty(3, picture.height, picture.width, dtype=torch.uint8) if out is None else out
    for plane, values in zip(frame, picture.split(), strict=True):  # four times as fast as moving the colours at once
        plane.copy_(torch.from_numpy(np.array(values)))
    return frame


def resize_picture(
    image: Image.Image | NDArray[np.uint8], size: Size, resampling: Image.Resampling = Image.Resampling.BILINEAR
) -> Image.Image:
    """A picture squashed to ``size``, in RGB; see :func:`to_frame`."""
    height, width = height_width(size)
    picture = image if isinstance(image, Image.Image) else Image.fromarray(image)
    coloured = picture if picture.mode == "RGB" else picture.convert("RGB")
    return coloured.resize((width, height), resampling)


def resize_mask(mask: Any, size: Size) -> Tensor:
    """A mask at another size, by nearest neighbour.

    torch's "nearest" as in the released code (docs/sansa.md 4): the pixel at floor(i · old / new), half a pixel off.

    Args:
        mask: uint8 [H, W], array or tensor; any values, {0, 1, 255} in a clip.
        size: of the result.

    Returns:
        uint8 [H, W].
    """
    values = torch.as_tensor(mask, dtype=torch.uint8)
    return F.interpolate(values[None, None], size=height_width(size), mode="nearest")[0, 0]


def resize_logits(logits: Tensor, size: tuple[int, ...], align_corners: bool = False) -> Tensor:
    """Logits [H, W] at another size, bilinear, as [H', W']; ``align_corners`` as in torch."""
    return F.interpolate(logits[None, None], tuple(size), mode="bilinear", align_corners=align_corners)[0, 0]


def drawn_mask(picture: Image.Image) -> Any:
    """A picture as a mask: bool [H, W] by the rule of mask files; one of more than 8 bits a channel as it is, upright.

    Raises:
        ValueError: it does not show a single class; says what to pass instead.
    """
    stored = stored_mode(picture)  # before it is decoded
    picture = turned(picture)
    if picture.mode not in EIGHT_BITS:  # the rule is for 8 bits; wider values are taken as numbers
        return picture
    try:
        return object_mask(picture, stored).mask == 1
    except ValueError as error:
        msg = f"Prompt.mask: {error}; for a map of several classes pass np.array(picture) == number"
        raise ValueError(msg) from error


def _too_many_bits(path: Path | InMemory, mode: str) -> ValueError:
    return ValueError(
        f"{path}: expected a picture of 8 bits a channel, but it is of Pillow's mode {mode}; "
        f"scale its values to 0 to 255 and save it again"
    )


def _check_sums(path: Path | InMemory) -> None:
    """Compare the checksums of a PNG, which Pillow does not do when it decodes."""
    with opened(path) as picture:
        picture.verify()


def _ends_with(path: Path, ending: bytes) -> bool:
    with path.open("rb") as file:
        file.seek(-len(ending), 2)
        return file.read() == ending
