"""FSS-1000: 1,000 classes of ten images, split by class."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from sansa_lightning.clips.episode import ClassId
from sansa_lightning.data.formats.mask_files import stems
from sansa_lightning.data.formats.picture_files import below
from sansa_lightning.data.formats.text_lists import read_lines
from sansa_lightning.data.sources.base import Split
from sansa_lightning.data.sources.class_masks import ClassMasks
from sansa_lightning.data.sources.paired import Index
from sansa_lightning.images.orientation import Exif
from sansa_lightning.images.pictures import resize_mask

_LISTS = ("trn", "val", "test")


class Fss1000(ClassMasks):
    """One object in each image; the splits have different classes, so use ``ClassSplits``.

    Layout (docs/sansa.md 4.3): ``data/<class>/<n>.jpg`` with ``<n>.png``, and the lists ``splits/{trn,val,test}.txt``,
    a class a line, 520, 240 and 240 of them as published. Class ids count through the lists, each sorted by name. Where
    a mask has another size than its image, as three of the published ones do (HKUSTCV/FSS-1000, issue 25), it is
    resized.

    Args:
        root: folder that holds ``data`` and ``splits``.
        val: the list that serves as val split; published results are on "test".
        check_files: whether :meth:`verify` opens each file.
        exif: see :class:`PairedFiles`.
    """

    name = "fss1000"
    same_size = False

    def __init__(
        self, root: Path, val: Literal["val", "test"] = "test", check_files: bool = True, exif: Exif = "upright"
    ) -> None:
        super().__init__(root, check_files, exif)
        if val not in ("val", "test"):
            msg = f"Fss1000.val: expected 'val' or 'test', but got {val!r}"
            raise ValueError(msg)
        self.lists: dict[Split, str] = {"train": "trn", "val": val}

    def _read_names(self) -> Sequence[str]:
        lists: dict[str, str] = {}
        for listed in _LISTS:
            for name in self._listed(listed):
                if name in lists:
                    msg = (
                        f"{self._list(listed)}: expected each class in one list, once, "
                        f"but {name!r} is in {lists[name]}.txt already"
                    )
                    raise ValueError(msg)
                lists[name] = listed
        return tuple(lists)

    def _read(self, split: Split) -> Index:
        listed = self._listed(self.lists[split])
        missing = [name for name in listed if not (self.root / "data" / name).is_dir()]
        if missing:
            msg = (
                f"{self}: {len(missing)} of the {len(listed)} classes of splits/{self.lists[split]}.txt have no folder "
                f"in {self.root / 'data'}: {', '.join(missing[:3])}"
            )
            raise FileNotFoundError(msg)
        return {self._names.index(name): self._stems_of(name) for name in listed}

    def _stems_of(self, name: str) -> tuple[str, ...]:
        # Masks too, so that a mask without an image is noticed.
        numbers = sorted(set(stems(self.root / "data" / name, [".jpg", ".png"])), key=lambda stem: (len(stem), stem))
        return tuple(f"{name}/{number}" for number in numbers)

    def _listed(self, name: str) -> list[str]:
        path = self._list(name)
        lines = enumerate(read_lines(path, "the published list of classes, one per line"), 1)
        return sorted(below(f"{path}, line {number}", line.strip()) for number, line in lines if line.strip())

    def _list(self, name: str) -> Path:
        return self.root / "splits" / f"{name}.txt"

    def _files(self, split: Split, stem: str, class_id: ClassId) -> tuple[Path, Path]:
        return self.root / "data" / f"{stem}.jpg", self.root / "data" / f"{stem}.png"

    def _fitted(self, mask: NDArray[np.uint8], size: tuple[int, ...]) -> NDArray[np.uint8]:
        if mask.shape == size:
            return mask
        return np.asarray(resize_mask(mask, (size[0], size[1])).numpy(), np.uint8)
