"""Regions from one annotation file per split: read once, and cached if it is large."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from pathlib import Path

from sansa_lightning.data.formats.annotations.regions import Regions
from sansa_lightning.data.formats.index_cache import cached
from sansa_lightning.data.sources.base import Split
from sansa_lightning.data.sources.region_source import RegionSource
from sansa_lightning.images.orientation import Exif


class AnnotationFiles(RegionSource):
    """A dataset with one annotation file per split.

    Args:
        root: see :class:`RegionSource`.
        folders: see :class:`RegionSource`.
        annotations: the file of each split, below ``root``.
        check_files: see :class:`RegionSource`.
        name: see :class:`RegionSource`.
        exif: see :class:`RegionSource`.
        min_area: see :class:`RegionSource`.
    """

    def __init__(
        self,
        root: Path,
        folders: Mapping[Split, str],
        annotations: Mapping[Split, Path | str],
        check_files: bool,
        name: str,
        exif: Exif = "upright",
        min_area: float = 0.0,
    ) -> None:
        super().__init__(root, folders, check_files, name, exif, min_area)
        self.annotations = {split: self.root / file for split, file in annotations.items()}

    @abstractmethod
    def _kind(self) -> str:
        """The reader, and whatever else the result depends on; it goes into the name of the cached index."""

    @abstractmethod
    def read_file(self, path: Path, folder: Path) -> Regions:
        """The regions in a file, whose pictures are in ``folder``."""

    def _lister(self, split: Split) -> str:
        return f"that {self.annotations[split]} lists"

    def _read(self, split: Split) -> Regions:
        path, folder = self.annotations[split], self.folders[split]
        table = cached(path, self._kind(), Regions, lambda path: self.read_file(path, folder))
        return table.located(path, folder)
