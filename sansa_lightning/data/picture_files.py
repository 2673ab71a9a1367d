"""The picture files that annotations name: that their names are harmless, and how large they are."""

from __future__ import annotations

import re
from pathlib import Path, PurePosixPath
from typing import Any

from sansa_lightning.images import layout_of
from sansa_lightning.messages import brief

_NO_NAME = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]|[^/]{256}")
"""What no name of a file has, or none that can be shown in a message of one line."""


def below(where: str, name: Any, parts: int | None = None) -> str:
    """A file name from annotations, as one that stays below the folder it is relative to.

    Args:
        where: what names it, for the error.
        name: as written there, a path or an address with forward slashes.
        parts: take only that many of its last parts; all of them if None.

    Raises:
        ValueError: not text, with control characters, too long, or it leads out of the folder.
    """
    path = PurePosixPath(name) if isinstance(name, str) and not _NO_NAME.search(name) else PurePosixPath()
    if parts is not None:
        path = PurePosixPath(*path.parts[-parts:])
    if not path.parts or path.is_absolute() or ".." in path.parts or len(path.parts) < (parts or 1):
        msg = f"{where}: expected the name of a picture in {parts or 'any number of'} parts, but got {brief(name)}"
        raise ValueError(msg)
    return str(path)


def picture_size(path: Path) -> tuple[int, int]:
    """(H, W) in pixels of the upright picture, from the file's header.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: not a picture; names the file.
    """
    return layout_of(path).upright
