"""PASCAL-5i: VOC 2012 with the masks of SBD and the lists in circulation."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from sansa_lightning.clips.episode import ClassId
from sansa_lightning.data.formats.text_lists import read_lines
from sansa_lightning.data.sources.base import Split
from sansa_lightning.data.sources.paired import Index, LabelMaps
from sansa_lightning.images.orientation import Exif

NAMES = (
    *("aeroplane", "bicycle", "bird", "boat", "bottle"),
    *("bus", "car", "cat", "chair", "cow"),
    *("diningtable", "dog", "horse", "motorbike", "person"),
    *("pottedplant", "sheep", "sofa", "train", "tvmonitor"),
)
"""In VOC's order; one line per fold."""

FOLDS = 4
_CLASSES_PER_FOLD = len(NAMES) // FOLDS
_LISTS: dict[Split, str] = {"train": "trn", "val": "val"}


class Pascal5i(LabelMaps):
    """Objects in photographs; the classes of a fold are five in a row: use ``Strict(layout=contiguous)``.

    Layout (docs/sansa.md 4.10): ``JPEGImages/<image>.jpg``, ``SegmentationClassAug/<image>.png`` (class id + 1, and 255
    along outlines, which takes no part in loss and score) and the lists ``{trn,val}/fold<f>.txt``, a line
    ``<image>__<class>``, counted from 1, for each class of fold f in each image. Images of the train lists may show
    objects of other folds' classes too; they are background there.

    Args:
        root: folder that holds ``JPEGImages`` and ``SegmentationClassAug``.
        lists: folder that holds ``trn`` and ``val``; ``splits/pascal`` below ``root`` if None.
        check_files: whether :meth:`verify` opens each file.
        exif: see :class:`PairedFiles`.
    """

    name = "pascal5i"
    equal_classes = True

    def __init__(self, root: Path, lists: Path | None = None, check_files: bool = True, exif: Exif = "upright") -> None:
        super().__init__(root, check_files, exif)
        self.lists = self.root / "splits" / "pascal" if lists is None else Path(lists)

    def _read_names(self) -> Sequence[str]:
        return NAMES

    def _read(self, split: Split) -> Index:
        shown: dict[ClassId, dict[str, None]] = {class_id: {} for class_id in range(len(NAMES))}
        for fold in range(FOLDS):
            for stem, class_id in _read_list(self.lists / _LISTS[split] / f"fold{fold}.txt", fold):
                shown[class_id][stem] = None
        return {class_id: tuple(images) for class_id, images in shown.items()}

    def _files(self, split: Split, stem: str, class_id: ClassId) -> tuple[Path, Path]:
        return self.root / "JPEGImages" / f"{stem}.jpg", self.root / "SegmentationClassAug" / f"{stem}.png"


def _read_list(path: Path, fold: int) -> list[tuple[str, ClassId]]:
    classes = range(fold * _CLASSES_PER_FOLD, (fold + 1) * _CLASSES_PER_FOLD)
    entries = []
    lines = read_lines(path, "the list in circulation, with lines such as 2007_000033__01")
    for number, line in enumerate(lines, 1):
        entry = re.fullmatch(r"(\w{1,200}?)__([0-9]{1,3})", line.strip())
        if not entry or int(entry[2]) - 1 not in classes:
            msg = (
                f"{path}, line {number}: expected <image>__<class> with a class of {classes.start + 1:02} to "
                f"{classes.stop:02}, but got {line[:60]!r}"
            )
            raise ValueError(msg)
        entries.append((entry[1], int(entry[2]) - 1))
    return entries
