"""One's own data: one folder for each class."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sansa_lightning.clips.episode import ClassId, ImageKey
from sansa_lightning.data.formats.mask_files import read_object_mask
from sansa_lightning.data.formats.mask_folder import MaskFolder, settle
from sansa_lightning.data.formats.notes import Note, NoteBook
from sansa_lightning.data.formats.picture_checks import PictureFiles, Seen
from sansa_lightning.data.sources.base import Split
from sansa_lightning.data.sources.class_masks import ClassMasks
from sansa_lightning.data.sources.paired import Index
from sansa_lightning.images.object_masks import IGNORE
from sansa_lightning.images.orientation import Exif
from sansa_lightning.images.pictures import check_image, read_image

ENDINGS = (".bmp", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp")


class Folder(ClassMasks):
    """Images and their masks, in one folder for each class: one's own data without an annotation file.

    Layout: ``train/<class>/images/<name>.jpg`` (or .jpeg, .png, .webp, .bmp, .tif, in any case) with
    ``train/<class>/masks/<name>.png`` (or one of the others), and ``val`` likewise. The class folders of both splits
    have class ids in ascending order of name. Masks are 0 and 1, or 0 and 255 (grey in between is cut at 128), or 0, 1
    and 255 for ignored pixels; ``object_masks`` lists further forms.

    With ``check_files`` the masks of both splits are read at the first use: images whose mask is empty are left out and
    counted, and the meaning of 255 is decided once for all masks.
    An image without a mask is an error: nobody can tell whether it shows nothing of the class or its mask got lost.
    With ``unmarked`` it is left out, except as a target of ``predict`` with ``UnmarkedEpisodes``.

    The protocol decides the use of the splits. ``Strict`` and ``ClassSplits`` never test a class that they train, so
    one folder of images can serve as both splits: ``train: ., val: .``. ``AllClasses`` and ``InDomain`` would then test
    on the images that they train on.

    Args:
        root: folder that holds the splits.
        train: folder of the train split, below ``root``.
        val: folder of the val split, below ``root``.
        check_files: whether each file is opened before a run; without it empty masks stay, and each mask is judged on
            its own.
        name: of the source, for a mix of several sets of this kind.
        exif: see :class:`PairedFiles`.
        unmarked: whether there may be images without a mask.
    """

    def __init__(
        self,
        root: Path,
        train: str = "train",
        val: str = "val",
        check_files: bool = True,
        name: str = "folder",
        exif: Exif = "upright",
        unmarked: bool = False,
    ) -> None:
        super().__init__(root, check_files, exif)
        self.name = name
        self.may_be_unmarked = unmarked
        self.folders: dict[Split, Path] = {"train": self.root / train, "val": self.root / val}
        self._masks: dict[Path, MaskFolder] = {}
        self._without: dict[Split, list[str]] = {}

    def unmarked(self, class_id: ClassId, split: Split) -> Sequence[ImageKey]:
        """Keys of the images of a class that have no mask; none if there may be none."""
        name = self._names[self._known(class_id, split)]
        return [f"{split}/{stem}" for stem in self._unmarked(split) if stem.startswith(f"{name}/")]

    def load(self, key: ImageKey, class_id: ClassId) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        """One image with its mask of a class, which is 255 everywhere if it has none."""
        split, stem, _ = self._find(key)
        if not self.may_be_unmarked or self._is_marked(split, *stem.split("/")):
            return super().load(key, class_id)
        image = read_image(self._found(split, stem, class_id)[0], exif=self.exif)
        return image, np.full(image.shape[:2], IGNORE, np.uint8)

    def picture_files(self, split: Split) -> Sequence[PictureFiles]:
        """All images with their masks, and those without."""
        alone = [PictureFiles(self._found(split, stem, 0)[0]) for stem in self._unmarked(split)]
        return [*super().picture_files(split), *alone]

    def check_picture(self, files: PictureFiles) -> Seen:
        """Check an image with its mask, and that the mask shows one class."""
        if files.mask is None:
            return Seen(check_image(files.image, exif=self.exif).turn)
        seen = super().check_picture(files)
        if files.mask is not None:
            self._masks[files.mask.parents[1]].check(files.mask)
        return seen

    def _reading_notes(self, split: Split) -> Sequence[Note]:
        """The images left out, and how masks were understood."""
        self._listing(split)
        book = NoteBook()
        for name in _class_folders(self.folders[split]):
            book.merge(self._masks[self.folders[split] / name].notes)
        return book.notes()

    def _read_names(self) -> Sequence[str]:
        return sorted({name for folder in self.folders.values() for name in _class_folders(folder)})

    def _read(self, split: Split) -> Index:
        folder = self.folders[split]
        classes = _class_folders(folder)
        if not classes:
            msg = f"{folder} has no <class>/images folders; expected one for each class"
            raise FileNotFoundError(msg)
        if not self._masks:
            self._read_masks()
        return {
            self._names.index(name): tuple(
                f"{name}/{file}"
                for file in self._masks[folder / name].images
                if not self.may_be_unmarked or self._is_marked(split, name, file)
            )
            for name in classes
        }

    def _is_marked(self, split: Split, name: str, file: str) -> bool:
        return self._masks[self.folders[split] / name].mask_of(file).is_file()

    def _unmarked(self, split: Split) -> Sequence[str]:
        """The names of a split's images that have no mask."""
        self._listing(split)
        if self.may_be_unmarked and split not in self._without:
            self._without[split] = [
                f"{name}/{file}"
                for name in _class_folders(self.folders[split])
                for file in self._masks[self.folders[split] / name].images
                if not self._is_marked(split, name, file)
            ]
        return self._without.get(split, ())

    def _numbered(self, split: Split) -> dict[str, int]:
        numbers = super()._numbered(split)
        for stem in self._unmarked(split):
            numbers.setdefault(stem, len(numbers))
        return numbers

    def _read_masks(self) -> None:
        """Read all class folders; the splits may share some."""
        folders = {folder / name for folder in self.folders.values() for name in _class_folders(folder)}
        found = {
            folder: MaskFolder(folder / "images", folder / "masks", ENDINGS, self.exif, self.check_files)
            for folder in sorted(folders)
        }
        settle(tuple(found.values()))
        self._masks = found

    def _files(self, split: Split, stem: str, class_id: ClassId) -> tuple[Path, Path]:
        class_folder, file = stem.split("/")
        folder = self.folders[split] / class_folder
        return folder / "images" / file, self._masks[folder].mask_of(file)

    def _read_mask(self, path: Path, class_id: ClassId) -> NDArray[np.uint8]:
        return read_object_mask(path, self.exif).mask


def _class_folders(folder: Path) -> list[str]:
    if not folder.is_dir():
        return []
    return sorted(inside.name for inside in folder.iterdir() if (inside / "images").is_dir())
