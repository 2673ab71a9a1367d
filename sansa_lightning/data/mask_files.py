"""Masks kept as picture files: label maps, and grey pictures of one class."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sansa_lightning.images import check_image, read_picture

FOREGROUND = 128
"""Grey value from which on a pixel of a one-class mask is foreground (spec 4.3, 4.7 to 4.9)."""


def read_labels(path: Path) -> NDArray[np.uint8]:
    """The numbers of a label map, uint8 [H, W]; of a palette picture its indices, not its colours.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file cannot be decoded, or holds colours; names it.
    """
    values, mode = read_picture(path, None)
    if mode not in ("L", "P"):
        msg = f"{path}: expected a label map of 8 bits a pixel, but it is a picture of mode {mode}"
        raise ValueError(msg)
    return values


def read_grey(path: Path) -> NDArray[np.uint8]:
    """The grey values of a picture, uint8 [H, W]; colours and palettes are turned to grey.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file cannot be decoded; names it.
    """
    return read_picture(path, "L")[0]


def check_pair(image: Path, mask: Path, same_size: bool = True) -> None:
    """Check that an image and its mask are whole pictures of one size, without decoding them where that can be avoided.

    Args:
        image: file of the image.
        mask: file of the mask.
        same_size: False allows a mask of another size.

    Raises:
        FileNotFoundError: one is missing.
        ValueError: one is broken or truncated, or their sizes differ; names the file.
    """
    size = check_image(mask)
    check_image(image, size if same_size else None)


def missing_files(files: Iterable[Path]) -> list[Path]:
    """Those that are not there, found by listing each folder once."""
    folders: dict[Path, list[Path]] = defaultdict(list)
    for file in files:
        folders[file.parent].append(file)
    missing: list[Path] = []
    for folder, inside in folders.items():
        there = {entry.name for entry in folder.iterdir()} if folder.is_dir() else set()
        missing += [file for file in inside if file.name not in there]
    return missing


def stems(folder: Path, endings: Sequence[str]) -> list[str]:
    """Names, without the ending, of a folder's files that end so; ascending; hidden files left out.

    Raises:
        FileNotFoundError: there is no such folder.
    """
    if not folder.is_dir():
        msg = f"{folder} is not there; expected a folder with {' or '.join(endings)} files"
        raise FileNotFoundError(msg)
    names = (file for file in folder.iterdir() if file.suffix.lower() in endings and not file.name.startswith("."))
    return sorted(file.stem for file in names)
