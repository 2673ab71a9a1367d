"""PASCAL-5i by the lists of PFENet and BAM (FS-SAM2, FSSAM); ``pascal5i`` has it by HSNet's."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from sansa_lightning.data.formats.fold_lists import Folders
from sansa_lightning.data.formats.text_lists import read_lines
from sansa_lightning.data.sources.base import Split
from sansa_lightning.data.sources.fold_lists import FoldLists
from sansa_lightning.data.sources.pascal5i import NAMES

_FOLDERS = Folders("JPEGImages", "SegmentationClassAug")
_VAL = "ImageSets/Segmentation/val.txt"
_IMAGES: dict[Split, tuple[str, ...]] = {
    "train": ("ImageSets/Segmentation/train.txt", "sbd/train_noval.txt"),
    "val": (_VAL,),
}


class PascalLists(FoldLists):
    """Objects in photographs, 255 along outlines; the classes of a fold are five in a row, as for ``Pascal5i``.

    Layout: ``JPEGImages/<image>.jpg`` and ``SegmentationClassAug/<image>.png``. Lists are read or made, see
    :class:`FoldLists`; to make them, the val split has the images of VOC's ``ImageSets/Segmentation/val.txt`` (1,449)
    and the train split those of its ``train.txt`` and of SBD's ``sbd/train_noval.txt`` (5,953 together), a stem a line.
    Arguments as for :class:`FoldLists`.
    """

    name = "pascal_lists"

    def _read_names(self) -> Sequence[str]:
        return NAMES

    def _folders(self, split: Split) -> Folders:
        return _FOLDERS

    def _all_images(self, split: Split) -> Sequence[str]:
        stems = list(dict.fromkeys(stem for file in _IMAGES[split] for stem in self._stems(self.root / file)))
        both = set(stems).intersection(self._stems(self.root / _VAL)) if split == "train" else ()
        if both:
            msg = f"{self}: {min(both)!r} is in the images to train on, and in {_VAL}; so are {len(both) - 1} more"
            raise ValueError(msg)
        return stems

    def _stems(self, path: Path) -> list[str]:
        what = f"the images to make lists of, a stem on each line; or the lists of each fold in {self.lists}"
        return [line.strip() for line in read_lines(path, what) if line.strip()]
