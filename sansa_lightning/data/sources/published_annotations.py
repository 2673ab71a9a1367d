"""Regions in COCO's photographs, from one annotation file per split under its published name."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from sansa_lightning.data.sources.annotation_files import AnnotationFiles
from sansa_lightning.data.sources.base import Split
from sansa_lightning.images.orientation import Exif


class PublishedAnnotations(AnnotationFiles):
    """A dataset in COCO's photographs. Class ids are its own, and mean the same in all of its formats.

    Args:
        root: folder with the pictures in ``coco/train2017`` and ``coco/val2017``.
        train_annotations: below ``root``; the published name if None.
        val_annotations: below ``root``; the published name if None.
        check_files: see :class:`RegionSource`.
        name: of the source; the dataset's if None.
        exif: see :class:`RegionSource`.
    """

    dataset: ClassVar[str]
    """The dataset's name; the same for all of its formats, since their episodes mean the same."""

    kind: ClassVar[str]
    """The format of the annotation files; it goes into the names of their cached indices."""

    looks_up_sizes: ClassVar[bool] = False
    """Whether sizes come from the pictures, so that the result of reading depends on ``exif``."""

    published: ClassVar[dict[Split, str]]
    """The annotation files, below ``root``."""

    def __init__(
        self,
        root: Path,
        train_annotations: Path | None = None,
        val_annotations: Path | None = None,
        check_files: bool = True,
        name: str | None = None,
        exif: Exif = "upright",
    ) -> None:
        annotations: dict[Split, Path | str] = {
            "train": train_annotations or self.published["train"],
            "val": val_annotations or self.published["val"],
        }
        super().__init__(root, {"train": "coco", "val": "coco"}, annotations, check_files, name or self.dataset, exif)

    def _kind(self) -> str:
        return f"{self.kind}-{self.exif}" if self.looks_up_sizes else self.kind
