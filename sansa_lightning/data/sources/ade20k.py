"""ADE20K with the 150 classes of the scene parsing benchmark."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sansa_lightning.clips.episode import ClassId
from sansa_lightning.data.formats.annotations.json_file import read_json
from sansa_lightning.data.formats.class_index import shown_values
from sansa_lightning.data.formats.mask_files import stems
from sansa_lightning.data.formats.text_lists import read_lines
from sansa_lightning.data.sources.base import Split
from sansa_lightning.data.sources.paired import Index, LabelMaps

CLASSES = 150
_FOLDERS: dict[Split, str] = {"train": "training", "val": "validation"}
_NAME_FILES = ("objectInfo150.txt", "utils/ade20k_classes.json")


class Ade20k(LabelMaps):
    """Things and stuff in scenes, 150 classes, a dozen on an image; in the generalist's mix (docs/sansa.md 4.6, 4.13).

    Layout: ``{images,annotations}/{training,validation}`` with label maps of class id + 1, where 0 (other) and 255 are
    background, and the class names in ``objectInfo150.txt``, as published, or ``utils/ade20k_classes.json``, a list.

    At the first use, the classes of each image are read from all label maps and kept in the cache folder, see
    ``index_cache``. There is no least area: one pixel of a class is enough.

    Args:
        root: the folder ``ADEChallengeData2016``.
        check_files: whether :meth:`verify` opens each file.
        exif: see :class:`PairedFiles`.
    """

    name = "ade20k"
    equal_classes = True

    def _read_names(self) -> Sequence[str]:
        for file in _NAME_FILES:
            path = self.root / file
            if path.is_file():
                names = _names_of(path)
                if len(names) != CLASSES:
                    msg = f"{path}: expected {CLASSES} class names, but got {len(names)}"
                    raise ValueError(msg)
                return names
        msg = f"{self.root} has no {' or '.join(_NAME_FILES)}; expected one with the names of the {CLASSES} classes"
        raise FileNotFoundError(msg)

    def _read(self, split: Split) -> Index:
        folder = self.root / "annotations" / _FOLDERS[split]
        names = stems(folder, [".png"])
        shown = shown_values(folder, [self._endings.file(folder / f"{name}.png").name for name in names])
        return {c: tuple(n for n, values in zip(names, shown, strict=True) if c + 1 in values) for c in range(CLASSES)}

    def _files(self, split: Split, stem: str, class_id: ClassId) -> tuple[Path, Path]:
        folder = _FOLDERS[split]
        return self.root / "images" / folder / f"{stem}.jpg", self.root / "annotations" / folder / f"{stem}.png"

    def _read_mask(self, path: Path, class_id: ClassId) -> NDArray[np.uint8]:
        return (self._read_labels(path) == class_id + 1).astype(np.uint8)


def _rows(path: Path) -> Iterator[str]:
    """The name in each row Idx, Ratio, Train, Val, Name (separated by tabs, below a header); the first of several.

    Raises:
        ValueError: the rows are not numbered 1, 2, ...; names the line.
    """
    rows = [line.split("\t") for line in read_lines(path, "the names of the classes") if line.strip()]
    for number, row in enumerate(rows[1:], 1):
        name = row[-1].split(",")[0].strip()
        if len(row) != len(rows[0]) or row[0].strip() != str(number) or not name:
            msg = f"{path}, row {number}: expected {number}, ratio, counts and name, but got {' '.join(row)[:60]!r}"
            raise ValueError(msg)
        yield name


def _names_of(path: Path) -> list[str]:
    if path.suffix == ".txt":
        return list(_rows(path))
    names = read_json(path, "the names of the classes")
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        msg = f"{path}: expected a JSON list of names"
        raise ValueError(msg)
    return names
