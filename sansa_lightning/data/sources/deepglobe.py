"""DeepGlobe land cover, cut into patches: satellite images to test on."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from sansa_lightning.clips.episode import ClassId
from sansa_lightning.data.formats.mask_files import stems
from sansa_lightning.data.sources.base import Split
from sansa_lightning.data.sources.class_masks import EvaluationOnly
from sansa_lightning.data.sources.paired import Index

NAMES = ("agriculture land", "urban land", "rangeland", "forest land", "water", "barren land")
"""The classes of folders 1 to 6, in the order of the colours in the script that cut the patches (PATNet)."""


class DeepGlobe(EvaluationOnly):
    """Six kinds of land; a patch may show several, and then has a mask for each.

    Layout (docs/sansa.md 4.7): ``image/<id>_sat_<patch>.jpg`` and ``filter_mask/<1..6>/<id>_mask_<patch>.png``.

    Args:
        root: folder that holds ``image`` and ``filter_mask``.
        check_files: whether :meth:`verify` opens each file.
        exif: see :class:`PairedFiles`.
    """

    name = "deepglobe"

    def _read_names(self) -> Sequence[str]:
        return NAMES

    def _read_test_index(self) -> Index:
        return {class_id: tuple(map(_patch, self._masks(class_id))) for class_id in range(len(NAMES))}

    def _masks(self, class_id: ClassId) -> list[Path]:
        folder = self.root / "filter_mask" / str(class_id + 1)
        return [folder / f"{stem}.png" for stem in stems(folder, [".png"])]

    def _files(self, split: Split, stem: str, class_id: ClassId) -> tuple[Path, Path]:
        number, patch = stem.rsplit("_", 1)
        mask = self.root / "filter_mask" / str(class_id + 1) / f"{number}_mask_{patch}.png"
        return self.root / "image" / f"{number}_sat_{patch}.jpg", mask


def _patch(mask: Path) -> str:
    """``<id>_<patch>``."""
    number, mark, patch = mask.stem.rpartition("_mask_")
    if not mark or not number or not patch or "_" in patch:
        msg = f"{mask}: expected a name such as 100694_mask_03.png"
        raise ValueError(msg)
    return f"{number}_{patch}"
