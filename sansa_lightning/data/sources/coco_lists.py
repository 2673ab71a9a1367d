"""COCO-20i by the lists of PFENet and BAM (FS-SAM2, FSSAM); ``coco20i_released`` has it by HSNet's pickles."""

from __future__ import annotations

from collections.abc import Sequence

from sansa_lightning.data.formats.fold_lists import Folders
from sansa_lightning.data.formats.mask_files import stems
from sansa_lightning.data.sources.base import Split
from sansa_lightning.data.sources.coco20i_released import NAMES
from sansa_lightning.data.sources.fold_lists import FoldLists


class CocoLists(FoldLists):
    """COCO 2014 with class maps in PNG; the classes of fold f are f, f + 4, ..., as in all of this project.

    Layout: ``{train,val}2014/<image>.jpg`` and ``annotations/{train,val}2014/<image>.png``. Lists are read or made, see
    :class:`FoldLists`; to make them, a split has the images with a class map, ascending. Their order in the files in
    circulation is not known here: manifests and seeds draw other episodes from made lists than from those.
    Arguments as for :class:`FoldLists`.
    """

    name = "coco_lists"

    def _read_names(self) -> Sequence[str]:
        return NAMES

    def _folders(self, split: Split) -> Folders:
        return Folders(f"{split}2014", f"annotations/{split}2014")

    def _all_images(self, split: Split) -> Sequence[str]:
        return stems(self.root / self._folders(split).masks, [".png"])
