"""Masks in picture files: label maps, and masks of one class; and finding such files."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sansa_lightning.data.formats.picture_checks import Seen
from sansa_lightning.images.object_masks import STEPS, ObjectMask, cut, object_mask
from sansa_lightning.images.orientation import Exif
from sansa_lightning.images.pictures import check_image, decoded

_SEVERAL = "for several classes, give each its own folder of masks, or use a source of label maps"


def read_labels(path: Path, exif: Exif = "upright") -> NDArray[np.uint8]:
    """The numbers of a label map, uint8 [H, W]; for a palette picture its indices, not its colours.

    Args:
        path: of the file.
        exif: whether it is turned by its own EXIF orientation.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file cannot be decoded, or holds colours; names it.
    """
    picture, mode = decoded(path, exif=exif)
    values = np.array(picture, np.uint8)
    if mode in ("1", "L", "P"):
        return values
    if mode in STEPS:
        return values // STEPS[mode]
    msg = f"{path}: expected a label map of 8 bits a pixel, but it is a picture of mode {mode}"
    raise ValueError(msg)


def read_object_mask(path: Path, exif: Exif = "upright") -> ObjectMask:
    """The mask of one class in a file, by the one rule of ``object_masks``.

    Args:
        path: of the file.
        exif: whether it is turned by its own EXIF orientation.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file cannot be decoded, or is not a mask of one class; names it and says what it holds.
    """
    picture, mode = decoded(path, exif=exif)
    try:
        return object_mask(picture, mode)
    except ValueError as error:
        msg = f"{path}: {error}; {_SEVERAL}"
        raise ValueError(msg) from error


def read_published_mask(path: Path, exif: Exif = "upright") -> NDArray[np.uint8]:
    """A mask of a published dataset, uint8 [H, W] in {0, 1, 255}: a mask that the rule refuses is cut at 128.

    Published numbers are of masks that are cut, whatever values there are (docs/sansa.md 4.3, 4.7 to 4.9).

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file cannot be decoded; names it.
    """
    picture, mode = decoded(path, exif=exif)
    try:
        return object_mask(picture, mode).mask
    except ValueError:
        return cut(picture)


def check_pair(image: Path, mask: Path, same_size: bool = True, exif: Exif = "upright") -> Seen:
    """Check that an image and its mask are whole pictures of one size, if possible without decoding them.

    Args:
        image: file of the image.
        mask: file of the mask.
        same_size: False allows a mask of another size.
        exif: what to do about an EXIF orientation of the image if the size of the mask does not settle it.

    Returns:
        The effect of their EXIF orientations.

    Raises:
        FileNotFoundError: one is missing.
        ValueError: one is broken or truncated, or their sizes differ; names the file.
    """
    drawn = check_image(mask, exif=exif)
    shown = check_image(image, drawn.size, exif, same_size)
    if drawn.turn is not None and shown.turn is not None and drawn.turn.upright != shown.turn.upright:
        msg = (
            f"{image} has the size of its mask only if one of the two is turned by its EXIF orientation and the other "
            f"is not ({shown.orientation} and {drawn.orientation}); expected a mask whose orientation is right, or none"
        )
        raise ValueError(msg)
    return Seen(shown.turn, drawn.turn)


def missing_files(files: Iterable[Path]) -> list[Path]:
    """The files that do not exist, found by listing each folder once."""
    folders: dict[Path, list[Path]] = defaultdict(list)
    for file in files:
        folders[file.parent].append(file)
    missing: list[Path] = []
    for folder, inside in folders.items():
        there = {entry.name for entry in folder.iterdir()} if folder.is_dir() else set()
        missing += [file for file in inside if file.name not in there]
    return missing


def stems(folder: Path, endings: Sequence[str]) -> list[str]:
    """Names of a folder's files with these endings, without the ending, ascending; hidden files are left out.

    Raises:
        FileNotFoundError: there is no such folder.
        ValueError: two files differ only in the case of their endings.
    """
    if not folder.is_dir():
        msg = f"{folder} is not there; expected a folder with {' or '.join(endings)} files"
        raise FileNotFoundError(msg)
    files = sorted(file for file in folder.iterdir() if file.suffix.lower() in endings and file.name[0] != ".")
    known: dict[str, Path] = {}
    for file in files:
        other = known.setdefault(file.stem + file.suffix.lower(), file)
        if other != file:
            msg = f"{other} and {file.name} differ only in the case of their endings; expected one of them"
            raise ValueError(msg)
    return sorted(file.stem for file in files)


class Endings:
    """Finds files with endings in any case, and lists each folder once."""

    def __init__(self) -> None:
        self._folders: dict[Path, dict[str, str]] = {}

    def file(self, path: Path) -> Path:
        """The file of this name, or one whose ending differs in case; the path itself if there is none."""
        if path.parent not in self._folders:
            there = sorted(path.parent.iterdir()) if path.parent.is_dir() else []
            self._folders[path.parent] = {_folded(file): file.name for file in there} | {f.name: f.name for f in there}
        names = self._folders[path.parent]
        return path.with_name(names.get(path.name) or names.get(_folded(path), path.name))


def _folded(file: Path) -> str:
    return file.stem + file.suffix.lower()
