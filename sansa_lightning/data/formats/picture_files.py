"""The picture files that annotations name: whether the names are harmless, and the sizes of the files."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from sansa_lightning.files.messages import brief, counted
from sansa_lightning.images.pictures import layout_of

_ABSOLUTE = re.compile(r"[\\/]|[A-Za-z]:[\\/]")
_NO_NAME = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]|[^/]{256}")
"""Found in no file name, or in none that a one-line message could show."""


def below(where: str, name: Any, parts: int | None = None) -> str:
    """A file name from annotations, checked to stay below the folder that it is relative to.

    Args:
        where: the place of the name, for the error.
        name: as written there, a path or an address with forward slashes.
        parts: the number of last parts to take; all if None.

    Raises:
        ValueError: not text, with control characters, too long, or it leads out of the folder.
    """
    path = PurePosixPath(name) if isinstance(name, str) and not _NO_NAME.search(name) else PurePosixPath()
    if parts is not None:
        path = PurePosixPath(*path.parts[-parts:])
    if not path.parts or path.is_absolute() or ".." in path.parts or len(path.parts) < (parts or 1):
        many = counted(parts, "part") if parts else "any number of parts"
        msg = f"{where}: expected the name of a picture in {many}, but got {brief(name)}"
        raise ValueError(msg)
    return str(path)


def ending(where: str, name: Any, parts: int = 2) -> str | None:
    """The last parts of a name or address; backslashes are separators too. None if it is no name.

    Raises:
        ValueError: it has fewer parts, or one that leads upwards.
    """
    return below(where, name.replace("\\", "/"), parts) if _is_name(name) else None


def listed(where: str, name: Any, parts: int = 2) -> str:
    """A name in a published list; backslashes are separators too. Of an absolute name, the last parts.

    Raises:
        ValueError: it is no name, or leads upwards.
    """
    if isinstance(name, str):
        name = name.replace("\\", "/")
        return below(where, name, parts if _ABSOLUTE.match(name) else None)
    return below(where, name)


def as_written(where: str, name: Any) -> str | None:
    """A name for :func:`located`, which may be absolute or have backslashes; None if it is no name.

    Raises:
        ValueError: a part of it leads upwards.
    """
    if not _is_name(name):
        return None
    parts = PurePosixPath(name.replace("\\", "/")).parts
    if not parts or ".." in parts:
        msg = f"{where}: expected the name of a picture below a folder, but got {brief(name)}"
        raise ValueError(msg)
    return name if "\\" in name else str(PurePosixPath(name))


def located(where: str, names: Sequence[str], folder: Path) -> Sequence[str]:
    """Names from :func:`as_written`, made relative to a folder; the same sequence if all of them are already.

    A backslash is a separator, unless a file has exactly that name. Absolute names must lead into the folder.

    Args:
        where: the file that lists them, for the error.
        names: of pictures, each once.
        folder: of the pictures.

    Raises:
        ValueError: names lead elsewhere, or two mean the same file; names the first and says how many there are.
    """
    if not any("\\" in name or _ABSOLUTE.match(name) for name in names):
        return names
    found = [_inside(name, folder) for name in names]
    astray = [name for name, file in zip(names, found, strict=True) if file is None]
    if astray:
        msg = (
            f"{where}: expected names of pictures below {folder}, but {len(astray)} of {len(names)} are absolute and "
            f"lead elsewhere: {brief(astray[0])}"
        )
        raise ValueError(msg)
    files = [file for file in found if file is not None]
    twice = [file for file, number in Counter(files).items() if number > 1]
    if twice:
        msg = f"{where}: expected each picture once, but {len(twice)} have several names: {brief(twice[0])}"
        raise ValueError(msg)
    return files


def _inside(name: str, folder: Path) -> str | None:
    if "\\" in name and not (folder / name).is_file():
        name = name.replace("\\", "/")
    if not _ABSOLUTE.match(name):
        return str(PurePosixPath(name))
    path = Path(name)
    # The folder by its given name, and by its real one; the file itself may be a link to elsewhere.
    for file, inside in ((path, folder.absolute()), (path.parent.resolve() / path.name, folder.resolve())):
        if file.is_relative_to(inside):
            return file.relative_to(inside).as_posix()
    return None


def _is_name(name: Any) -> bool:
    return isinstance(name, str) and bool(name) and not _NO_NAME.search(name)


def picture_size(path: Path) -> tuple[int, int]:
    """(H, W) in pixels of the upright picture, from the file's header.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: not a picture; names the file.
    """
    return layout_of(path).upright
