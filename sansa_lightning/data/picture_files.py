"""The picture files that annotations name: that their names are harmless, and how large they are."""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from typing import Any

from PIL import Image


def below(where: str, name: Any, parts: int | None = None) -> str:
    """A file name from annotations, as one that stays below the folder it is relative to.

    Args:
        where: what names it, for the error.
        name: as written there, a path or an address with forward slashes.
        parts: take only that many of its last parts; all of them if None.

    Raises:
        ValueError: not text, or it leads out of the folder.
    """
    path = PurePosixPath(name) if isinstance(name, str) else PurePosixPath()
    if parts is not None:
        path = PurePosixPath(*path.parts[-parts:])
    if not path.parts or path.is_absolute() or ".." in path.parts or len(path.parts) < (parts or 1):
        msg = f"{where}: expected the name of a picture in {parts or 'any number of'} parts, but got {str(name)[:80]!r}"
        raise ValueError(msg)
    return str(path)


def picture_size(path: Path) -> tuple[int, int]:
    """(H, W) in pixels, from the file's header.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: not a picture; names the file.
    """
    try:
        with Image.open(path) as picture:
            return picture.height, picture.width
    except FileNotFoundError as error:
        msg = f"{path} is not there"
        raise FileNotFoundError(msg) from error
    except (OSError, SyntaxError, ValueError) as error:
        msg = f"{path} cannot be decoded as an image: {error}"
        raise ValueError(msg) from error
