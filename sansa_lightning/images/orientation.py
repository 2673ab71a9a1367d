"""EXIF orientation: the one rule that turns pictures, masks and the Python interface's images upright."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import IO, Literal, get_args

from PIL import Image

Exif = Literal["upright", "stored"]
"""How to read a picture with an EXIF orientation, if the size of its annotations does not settle it.

A camera that was held sideways stores its pixels sideways and says so in the orientation, from 2 to 8. Labelling tools
show such a picture upright, so annotations are drawn on the upright picture: "upright", the default everywhere, turns
it. "stored" is for annotations that were drawn on the pixels as stored. For turns by 90 degrees of pictures that are
not square, the size of the annotations (width and height in a JSON file, or the size of a mask) shows which it was,
and overrides this setting. Mask files are turned by their own orientation.
"""

ORIENTATION = 0x0112
"""The EXIF tag."""

_TURNS = Image.Transpose
_UPRIGHT = {
    2: _TURNS.FLIP_LEFT_RIGHT,
    3: _TURNS.ROTATE_180,
    4: _TURNS.FLIP_TOP_BOTTOM,
    5: _TURNS.TRANSPOSE,
    6: _TURNS.ROTATE_270,
    7: _TURNS.TRANSVERSE,
    8: _TURNS.ROTATE_90,
}
"""As in ``ImageOps.exif_transpose``, which also rewrites the tags and fails on an odd one."""
_STORED = _UPRIGHT | {6: _TURNS.ROTATE_90, 8: _TURNS.ROTATE_270}
_SWAPPED = (5, 6, 7, 8)
"""Orientations that exchange width and height."""
_WIDTH, _HEIGHT = 256, 257
"""Tags of a TIFF."""
_REMARKS = ("exif", "xmp", "XML:com.adobe.xmp", "Raw profile type exif")
"""The places where Pillow may have found an orientation."""


@dataclass(frozen=True, slots=True)
class Turn:
    """The treatment of a picture with an EXIF orientation.

    Attributes:
        upright: whether it is turned upright; otherwise it stays as stored.
        told: whether the size of its annotations decided this.
    """

    upright: bool
    told: bool


@dataclass(frozen=True, slots=True)
class Layout:
    """Size and orientation of a file's pixels.

    Attributes:
        stored: (H, W) of the stored pixels.
        orientation: 1 (upright) to 8.
    """

    stored: tuple[int, int]
    orientation: int = 1

    @classmethod
    def of(cls, picture: Image.Image) -> Layout:
        """The layout of a picture that was opened but not decoded yet; decodes nothing."""
        tags = getattr(picture, "tag_v2", None)
        if tags is None:
            return cls((picture.height, picture.width), orientation(picture))
        # For a TIFF, Pillow gives the size after the turn that it will make itself.
        stored = int(tags.get(_HEIGHT, picture.height)), int(tags.get(_WIDTH, picture.width))
        return cls(stored, _valid(tags.get(ORIENTATION)))

    @property
    def upright(self) -> tuple[int, int]:
        """(H, W) of the upright picture."""
        return self.stored[::-1] if self.orientation in _SWAPPED else self.stored

    def turn(self, size: tuple[int, int] | None, exif: Exif) -> Turn | None:
        """The turn that the one rule (see ``Exif``) asks for; None if the picture has no orientation.

        Args:
            size: (H, W) of the picture that was annotated, if known.
            exif: what to do if the size does not settle it.
        """
        if self.orientation == 1:
            return None
        told = self.upright != self.stored and size in (self.upright, self.stored)
        return Turn(size == self.upright if told else exif == "upright", told)

    def size(self, turn: Turn | None) -> tuple[int, int]:
        """(H, W) of the picture after a turn."""
        return self.upright if turn is not None and turn.upright else self.stored

    def shown(self, picture: Image.Image, turn: Turn | None) -> Image.Image:
        """The picture after a turn; decodes it."""
        if turn is None:
            return picture
        _load(picture)
        # Pillow has turned a TIFF by now, and removed its tag.
        is_upright = ORIENTATION not in getattr(picture, "tag_v2", (ORIENTATION,))
        if turn.upright == is_upright:
            return picture
        return picture.transpose((_UPRIGHT if turn.upright else _STORED)[self.orientation])


def orientation(picture: Image.Image) -> int:
    """The orientation of a picture, 1 to 8; 1 if there is none, or it cannot be read.

    Looks at what Pillow has read with the header, and at the chunks after the pixels of a PNG, where some tools put it.
    """
    try:
        if any(name in picture.info for name in _REMARKS):
            return _valid(Image.Image.getexif(picture).get(ORIENTATION))  # a PNG's own method decodes it
        if picture.format == "PNG" and getattr(picture, "tile", None):
            return _valid(_behind(picture).get(ORIENTATION))
    except Exception:  # a broken tag is no broken picture, and Pillow raises nearly anything
        return 1
    return 1


def turned(picture: Image.Image, size: tuple[int, int] | None = None, exif: Exif = "upright") -> Image.Image:
    """A picture in memory, turned by the one rule, see ``Exif``.

    Args:
        picture: as opened by Pillow, decoded or not.
        size: (H, W) of the picture that was annotated, if known.
        exif: what to do if the size does not settle it.
    """
    _load(picture)  # turns a TIFF, and reads to the end of a PNG
    layout = Layout((picture.height, picture.width), orientation(picture))
    turn = layout.turn(size, exif)
    return picture if turn is None or not turn.upright else picture.transpose(_UPRIGHT[layout.orientation])


def check_exif(where: str, exif: str) -> Exif:
    """The option, checked.

    Raises:
        ValueError: neither "upright" nor "stored".
    """
    for known in get_args(Exif):
        if exif == known:
            return known
    msg = f"{where}.exif: expected 'upright' or 'stored', but got {exif!r}"
    raise ValueError(msg)


def _load(picture: Image.Image) -> None:
    """Decode a picture."""
    if picture.format == "TIFF" and getattr(picture, "tile", None):
        # Pillow would map the file into memory with the size after the turn, which garbles it.
        picture.filename = ""  # type: ignore[attr-defined]
    picture.load()


def _valid(value: object) -> int:
    return value if isinstance(value, int) and value in _UPRIGHT else 1


def _behind(picture: Image.Image) -> Image.Exif:
    """The EXIF of a PNG that is not decoded yet, from anywhere in the file."""
    found, file = Image.Exif(), picture.fp  # type: ignore[attr-defined]
    place = file.tell()
    try:
        found.load(_exif_chunk(file))
    finally:
        file.seek(place)
    return found


def _exif_chunk(file: IO[bytes]) -> bytes:
    file.seek(8)
    while len(head := file.read(8)) == 8:
        length, kind = struct.unpack(">I4s", head)
        if kind == b"eXIf":
            return file.read(length)
        file.seek(length + 4, 1)
    return b""
