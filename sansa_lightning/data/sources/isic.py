"""ISIC 2018, task 1: skin lesions to test on."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from sansa_lightning.clips.episode import ClassId
from sansa_lightning.data.formats.mask_files import stems
from sansa_lightning.data.sources.base import Split
from sansa_lightning.data.sources.class_masks import EvaluationOnly
from sansa_lightning.data.sources.paired import Index
from sansa_lightning.files.messages import counted

NAMES = ("nevus", "melanoma", "seborrheic keratosis")
"""The classes of folders 1 to 3, identified by their published numbers of images: 1867, 519 and 208."""

_IMAGES, _MASKS = "ISIC2018_Task1-2_Training_Input", "ISIC2018_Task1_Training_GroundTruth"


class Isic(EvaluationOnly):
    """Three kinds of lesions, one lesion per image.

    Layout (docs/sansa.md 4.8): ``ISIC2018_Task1-2_Training_Input/<1..3>/<id>.jpg`` and
    ``ISIC2018_Task1_Training_GroundTruth/<id>_segmentation.png``. The folders 1 to 3 are not in the official download:
    its images have to be sorted into them by diagnosis, as listed in ``data/isic/class_id.csv`` of slei109/PATNet.

    Args:
        root: folder that holds both.
        check_files: whether :meth:`verify` opens each file.
        exif: see :class:`PairedFiles`.
    """

    name = "isic"

    def _read_names(self) -> Sequence[str]:
        return NAMES

    def _read_test_index(self) -> Index:
        index = {class_id: self._stems_of(class_id + 1) for class_id in range(len(NAMES))}
        sorted_in = {Path(stem).name for images in index.values() for stem in images}
        masks = [stem.removesuffix("_segmentation") for stem in stems(self.root / _MASKS, [".png"])]
        left = [name for name in masks if name not in sorted_in]
        if left:
            many = counted(len(left), "mask")
            msg = f"{self}: {many} without an image in {_IMAGES}/1 to 3: {', '.join(left[:3])}"
            raise FileNotFoundError(msg)
        return index

    def _stems_of(self, number: int) -> tuple[str, ...]:
        folder = self.root / _IMAGES / str(number)
        if not folder.is_dir():
            msg = (
                f"{folder} is not there; expected the images of {NAMES[number - 1]}: sort the official download into "
                f"the folders 1, 2 and 3 by data/isic/class_id.csv of slei109/PATNet"
            )
            raise FileNotFoundError(msg)
        return tuple(f"{number}/{stem}" for stem in stems(folder, [".jpg"]))

    def _files(self, split: Split, stem: str, class_id: ClassId) -> tuple[Path, Path]:
        mask = self.root / _MASKS / f"{Path(stem).name}_segmentation.png"
        return self.root / _IMAGES / f"{stem}.jpg", mask
