"""One's own data: one annotation file in COCO's format."""

from __future__ import annotations

from pathlib import Path

from sansa_lightning.data.formats.annotations.instances import Crowds
from sansa_lightning.data.sources.coco import Coco
from sansa_lightning.images.orientation import Exif


class CocoFile(Coco):
    """One annotation file in COCO's format and one folder of images, which serve as both splits.

    Use a protocol that tests other classes than it trains, such as ``Strict``; any other would test on the images
    that it trains on. For data that are split already, use ``Coco``.

    Args:
        root: folder of the images.
        annotations: the annotation file.
        min_area: see ``Coco``.
        check_files: see ``Coco``.
        name: of the source.
        crowds: see ``Coco``.
        exif: see ``Coco``.
    """

    def __init__(
        self,
        root: Path,
        annotations: Path,
        min_area: float = 0.0,
        check_files: bool = True,
        name: str = "coco_file",
        crowds: Crowds = "ignore",
        exif: Exif = "upright",
    ) -> None:
        file = Path(annotations).absolute()
        super().__init__(Path(root), ".", ".", file, file, min_area, check_files, name, crowds, exif)
