"""Chest X-rays from two hospitals: lungs to test on."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from sansa_lightning.clips.episode import ClassId
from sansa_lightning.data.formats.mask_files import stems
from sansa_lightning.data.sources.base import Split
from sansa_lightning.data.sources.class_masks import EvaluationOnly
from sansa_lightning.data.sources.paired import Index

_MASK_ENDING = "_mask"


class Lung(EvaluationOnly):
    """One class, both lungs. Images without a mask are left out; 704 of the 800 published ones have one.

    Layout (docs/sansa.md 4.9): ``CXR_png/<id>.png`` and in ``masks`` ``<id>.png``, as of the Montgomery set (MCUCXR),
    or ``<id>_mask.png``, as of the Shenzhen set.

    Args:
        root: folder that holds ``CXR_png`` and ``masks``.
        check_files: whether :meth:`verify` opens each file.
        exif: see :class:`PairedFiles`.
    """

    name = "lung"

    def _read_names(self) -> Sequence[str]:
        return ("lung",)

    def _read_test_index(self) -> Index:
        return {0: tuple(stems(self.root / "masks", [".png"]))}

    def _files(self, split: Split, stem: str, class_id: ClassId) -> tuple[Path, Path]:
        image = stem.removesuffix(_MASK_ENDING)
        return self.root / "CXR_png" / f"{image}.png", self.root / "masks" / f"{stem}.png"
