"""One's own data: a folder a class."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sansa_lightning.clip import ClassId
from sansa_lightning.data.mask_files import FOREGROUND, check_pair, read_grey, stems
from sansa_lightning.data.sources.base import Split
from sansa_lightning.data.sources.paired import ClassMasks, Index

ENDINGS = (".bmp", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp")


class Folder(ClassMasks):
    """Images with a mask each, in a folder for each class: data of one's own without an annotation file.

    Layout: ``train/<class>/images/<name>.jpg`` (or .jpeg, .png, .webp, .bmp, .tif) with
    ``train/<class>/masks/<name>.png``, and ``val`` likewise. Class ids are given to the names of the class folders of
    both splits in ascending order. Masks are 0 and 1, or 0 and 255 (grey in between is cut at 128).

    The protocol decides what the splits are for. ``Strict`` and ``ClassSplits`` never test a class that they train, so
    that one folder of images can serve as both splits: ``train: ., val: .``. ``AllClasses`` and ``InDomain`` would then
    test on the images that they train on.

    Args:
        root: folder that holds the splits.
        train: folder of the train split, below ``root``.
        val: folder of the val split, below ``root``.
        check_files: whether :meth:`verify` opens each file, and looks whether each mask shows something.
        name: of the source, for a mix of several sets of this kind.
    """

    def __init__(
        self, root: Path, train: str = "train", val: str = "val", check_files: bool = True, name: str = "folder"
    ) -> None:
        super().__init__(root, check_files)
        self.name = name
        self.folders: dict[Split, Path] = {"train": self.root / train, "val": self.root / val}

    def _read_names(self) -> Sequence[str]:
        return sorted({name for folder in self.folders.values() for name in _class_folders(folder)})

    def _read_index(self, split: Split) -> Index:
        folder = self.folders[split]
        classes = _class_folders(folder)
        if not classes:
            msg = f"{folder} has no <class>/images folders; expected one for each class"
            raise FileNotFoundError(msg)
        return {self._names.index(name): _images(folder / name / "images") for name in classes}

    def _files(self, split: Split, stem: str, class_id: ClassId) -> tuple[Path, Path]:
        class_folder, file = stem.split("/")
        folder = self.folders[split] / class_folder
        return folder / "images" / file, folder / "masks" / f"{Path(file).stem}.png"

    def _read_mask(self, path: Path, class_id: ClassId) -> NDArray[np.uint8]:
        values = read_grey(path)
        highest = int(values.max())
        if 1 < highest < FOREGROUND:
            msg = f"{path}: expected a mask of 0 and 1, or of 0 and 255, but its highest value is {highest}"
            raise ValueError(msg)
        return (values >= min(highest, FOREGROUND)).astype(np.uint8) if highest else values

    def _check_pair(self, image: Path, mask: Path) -> None:
        check_pair(image, mask)
        if not self._read_mask(mask, 0).any():
            msg = f"{mask} is empty; expected a mask that shows the class, or no such image"
            raise ValueError(msg)


def _class_folders(folder: Path) -> list[str]:
    if not folder.is_dir():
        return []
    return sorted(inside.name for inside in folder.iterdir() if (inside / "images").is_dir())


def _images(folder: Path) -> tuple[str, ...]:
    """``<class>/<file>`` of the images, no two with the same mask."""
    files = sorted(file for file in folder.iterdir() if file.suffix.lower() in ENDINGS and file.name[0] != ".")
    by_stem: dict[str, Path] = {}
    for file in files:
        other = by_stem.setdefault(file.stem, file)
        if other != file:
            msg = f"{file} and {other.name} share the mask {file.stem}.png; expected different names"
            raise ValueError(msg)
    masks = folder.parent / "masks"
    alone = [stem for stem in (stems(masks, [".png"]) if masks.is_dir() else ()) if stem not in by_stem]
    if alone:
        msg = f"{masks / alone[0]}.png has no image in {folder}, and {len(alone) - 1} more; expected one of its name"
        raise FileNotFoundError(msg)
    return tuple(f"{folder.parent.name}/{file.name}" for file in files)
