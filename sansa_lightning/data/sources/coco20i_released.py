"""COCO-20i as it is in circulation: class maps in PNG, and image lists of each fold in pickles (docs/sansa.md 4.1)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from sansa_lightning.clips.episode import ClassId
from sansa_lightning.data.formats.annotations.pickled_classes import by_class
from sansa_lightning.data.formats.pickles import read_pickle
from sansa_lightning.data.formats.picture_files import listed
from sansa_lightning.data.sources.base import Split
from sansa_lightning.data.sources.paired import Index, LabelMaps
from sansa_lightning.images.orientation import Exif

FOLDS = 4
_CATEGORIES = (
    "person, bicycle, car, motorcycle, airplane, bus, train, truck, boat, traffic light, fire hydrant, stop sign, "
    "parking meter, bench, bird, cat, dog, horse, sheep, cow, elephant, bear, zebra, giraffe, backpack, umbrella, "
    "handbag, tie, suitcase, frisbee, skis, snowboard, sports ball, kite, baseball bat, baseball glove, skateboard, "
    "surfboard, tennis racket, bottle, wine glass, cup, fork, knife, spoon, bowl, banana, apple, sandwich, orange, "
    "broccoli, carrot, hot dog, pizza, donut, cake, chair, couch, potted plant, bed, dining table, toilet, tv, laptop, "
    "mouse, remote, keyboard, cell phone, microwave, oven, toaster, sink, refrigerator, book, clock, vase, scissors, "
    "teddy bear, hair drier, toothbrush"
)
NAMES = tuple(_CATEGORIES.split(", "))
"""COCO's categories in ascending order of id; the position is the class id."""

_LISTS = (list, tuple, np.ndarray)

_FOLDERS: dict[Split, str] = {"train": "trn", "val": "val"}


class Coco20iReleased(LabelMaps):
    """COCO 2014 with the image lists behind published COCO-20i numbers, whatever rule of area made them.

    ``splits/trn/fold<f>.pkl`` lists the images of the 60 base classes of fold f, ``splits/val/fold<f>.pkl`` those of
    its 20 unseen ones. Image keys are ``<split>/<folder>/<file>.jpg``.

    Args:
        root: folder with ``train2014``, ``val2014``, ``annotations`` (class maps) and ``splits``.
        fold: read only the lists of this fold, which must be the protocol's. None takes the list of each class from
            the first fold that has it, as the released code does for all classes (folds 0 and 1 in train).
        check_files: see :class:`PairedFiles`.
        name: of the source.
        exif: see :class:`PairedFiles`.
    """

    equal_classes = True

    def __init__(
        self,
        root: Path,
        fold: int | None = None,
        check_files: bool = True,
        name: str = "coco20i_released",
        exif: Exif = "upright",
    ) -> None:
        if fold is not None and not 0 <= fold < FOLDS:
            msg = f"Coco20iReleased.fold: expected 0 to {FOLDS - 1} or None, but got {fold}"
            raise ValueError(msg)
        super().__init__(root, check_files, exif)
        self.fold = fold
        self.name = name

    def __str__(self) -> str:
        lists = "" if self.fold is None else f" (lists of fold {self.fold})"
        return f"{self.name} in {self.root}{lists}"

    def _read_names(self) -> Sequence[str]:
        return NAMES

    def _read(self, split: Split) -> Index:
        index: Index = dict.fromkeys(range(len(NAMES)), ())
        for fold in range(FOLDS) if self.fold is None else (self.fold,):
            if not all(index.values()):
                path = self.root / "splits" / _FOLDERS[split] / f"fold{fold}.pkl"
                index = {class_id: index[class_id] or files for class_id, files in (index | _lists(path)).items()}
        return index

    def _files(self, split: Split, stem: str, class_id: ClassId) -> tuple[Path, Path]:
        return self.root / stem, (self.root / "annotations" / stem).with_suffix(".png")


def _lists(path: Path) -> Index:
    """Class id -> images, for classes with any."""
    index: Index = {}
    for class_id, files in by_class(str(path), read_pickle(path)).items():
        if class_id >= len(NAMES) or not isinstance(files, _LISTS):
            msg = f"{path}: expected lists of images for the classes 0 to {len(NAMES) - 1}, but got class {class_id}"
            raise ValueError(msg)
        named = dict.fromkeys(listed(f"{path}: class {class_id}", file) for file in files)
        if named:
            index[class_id] = tuple(named)
    return index
