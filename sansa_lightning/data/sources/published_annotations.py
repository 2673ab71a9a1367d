"""Regions in COCO's photographs, from one annotation file a split that goes by the name it was published under."""

from __future__ import annotations

from abc import abstractmethod
from pathlib import Path
from typing import ClassVar

from sansa_lightning.data.formats.annotations.regions import Regions
from sansa_lightning.data.formats.index_cache import cached
from sansa_lightning.data.sources.base import Split
from sansa_lightning.data.sources.region_source import RegionSource
from sansa_lightning.orientation import Exif


class PublishedAnnotations(RegionSource):
    """A dataset in COCO's photographs.

    Args:
        root: folder with the pictures in ``coco/train2017`` and ``coco/val2017``.
        train_annotations: below ``root``; called as published if None.
        val_annotations: below ``root``; called as published if None.
        check_files: see :class:`RegionSource`.
        name: of the source; the dataset's if None.
        exif: see :class:`RegionSource`.
    """

    dataset: ClassVar[str]
    """Its name; the same for all of its formats, since the episodes mean the same."""

    kind: ClassVar[str]
    """Of the annotation files; part of the names of their kept indices."""

    looks_up_sizes: ClassVar[bool] = False
    """Whether sizes are those of the pictures, so that what is read depends on ``exif``."""

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
        super().__init__(root, "coco", check_files, name or self.dataset, exif)
        self.annotations: dict[Split, Path] = {
            "train": self.root / (train_annotations or self.published["train"]),
            "val": self.root / (val_annotations or self.published["val"]),
        }

    @abstractmethod
    def _read_file(self, path: Path, split: Split) -> Regions:
        """A split's annotations, with keys that begin with ``train/`` or ``val/``."""

    def _read(self, split: Split) -> Regions:
        name = f"{self.kind}-{split}" + (f"-{self.exif}" if self.looks_up_sizes else "")
        return cached(self.annotations[split], name, Regions, lambda path: self._read_file(path, split))
