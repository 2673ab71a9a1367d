"""The base of datasets of label maps with image lists for each fold, read from files or made from the label maps."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Collection, Sequence
from copy import copy
from pathlib import Path

from sansa_lightning.clips.episode import ClassId, ImageKey
from sansa_lightning.data.formats.class_index import shown_pixels
from sansa_lightning.data.formats.fold_lists import Folders, FoldList, read_fold
from sansa_lightning.data.formats.notes import Note, NoteBook
from sansa_lightning.data.sources.base import Split
from sansa_lightning.data.sources.paired import Index, LabelMaps
from sansa_lightning.images.orientation import Exif

FOLDS = 4
LEAST_PIXELS = 2 * 32 * 32
"""Pixels of a class, at the size of the image, for the class's list to have the image."""

MADE = "label maps counted, since there are no lists of this fold"
LEFT_OUT = "images left out of training, which show an unseen class"


class FoldLists(LabelMaps):
    """Label maps with the image lists of PFENet and BAM, by which FS-SAM2 and FSSAM train and test.

    A protocol with folds takes the source :meth:`of_fold`: its val split has the images with an unseen class of the
    fold, its train split those without any. A class's list has the images with at least 2,048 pixels of it. In training
    an image is left out if it has a single pixel of an unseen class; in a test it may show anything.

    The lists of fold f are read from ``lists/{train,val}/data_list_<f>.txt`` and ``sub_class_file_list_<f>.txt``, see
    ``formats.fold_lists``. Where neither is there they are made by these rules from the label maps, which takes about
    4 ms each, once; a note says so. The source itself, without a fold, has the images of all folds.

    Args:
        root: folder with images and label maps.
        lists: folder with the lists; ``fss_list`` below ``root`` if None.
        check_files: see :class:`PairedFiles`.
        exif: see :class:`PairedFiles`.
    """

    equal_classes = True

    def __init__(self, root: Path, lists: Path | None = None, check_files: bool = True, exif: Exif = "upright") -> None:
        super().__init__(root, check_files, exif)
        self.lists = self.root / "fss_list" if lists is None else Path(lists)
        self._given = lists is not None
        self.fold: int | None = None
        self._unseen: frozenset[ClassId] = frozenset()
        self._order: dict[Split, tuple[str, ...]] = {}
        self._list_notes: dict[Split, tuple[Note, ...]] = {}
        self._views: dict[tuple[int, frozenset[ClassId]], FoldLists] = {}

    def __str__(self) -> str:
        return f"{self.name} in {self.root}{'' if self.fold is None else f' (fold {self.fold})'}"

    def __getstate__(self) -> dict[str, object]:
        """Without the sources of single folds, of which a worker gets the one that it needs."""
        return super().__getstate__() | {"_views": {}}

    @abstractmethod
    def _folders(self, split: Split) -> Folders:
        """The folders of a split's images and label maps."""

    @abstractmethod
    def _all_images(self, split: Split) -> Sequence[str]:
        """The stems of a split's images, among which lists are made, in the order of the lists."""

    def classes(self, split: Split) -> tuple[ClassId, ...]:
        """All classes, known without any list."""
        return tuple(range(len(self._names)))

    def of_fold(self, fold: int, unseen: Collection[ClassId]) -> FoldLists:
        """See :meth:`HasFoldLists.of_fold`; the same object each time."""
        key = (fold, frozenset(unseen))
        if key not in self._views:
            view = copy(self)
            view.fold, view._unseen = key
            view._listings, view._picture_notes, view._order, view._list_notes = {}, {}, {}, {}
            self._views[key] = view
        return self._views[key]

    def image_list(self, classes: Collection[ClassId], split: Split) -> Sequence[ImageKey]:
        """See :meth:`OrdersImages.image_list`: those of the classes' lists, in the order of the split's."""
        listing = self._listing(split)
        listed = {stem for class_id in classes for stem in listing[self._known(class_id, split)]}
        return [f"{split}/{stem}" for stem in self._order[split] if stem in listed]

    def _read(self, split: Split) -> Index:
        if self._given and not self.lists.is_dir():
            msg = f"{type(self).__name__}.lists: {self.lists} is not a folder; expected the one with train and val"
            raise FileNotFoundError(msg)
        notes = NoteBook()
        found = [self._list_of(fold, split, notes) for fold in (range(FOLDS) if self.fold is None else (self.fold,))]
        lists = [each for each in found if each is not None]
        if len(lists) < len(found):
            notes = NoteBook()
            lists = [self._made(split, notes)]
        self._list_notes[split] = notes.notes()
        self._order[split] = tuple(dict.fromkeys(stem for each in lists for stem in each.images))
        return {
            class_id: tuple(dict.fromkeys(stem for each in lists for stem in each.classes.get(class_id, ())))
            for class_id in self.classes(split)
        }

    def _list_of(self, fold: int, split: Split, notes: NoteBook) -> FoldList | None:
        """The lists of a fold in files; None if there are none."""
        names = (f"data_list_{fold}.txt", f"sub_class_file_list_{fold}.txt")
        images, classes = (self.lists / split / name for name in names)
        if not images.exists() and not classes.exists():
            return None
        known = [c for c in self.classes(split) if self.fold is None or (c in self._unseen) == (split == "val")]
        return read_fold(images, classes, self._folders(split), known, notes)

    def _made(self, split: Split, notes: NoteBook) -> FoldList:
        """The lists of the fold, made from the label maps."""
        stems = self._all_images(split)
        folder = self.root / self._folders(split).masks
        shown = shown_pixels(folder, [self._endings.file(folder / f"{stem}.png").name for stem in stems], split)
        pairs = list(zip(stems, shown, strict=True))
        if split == "train":
            pairs = [(stem, pixels) for stem, pixels in pairs if not any(c + 1 in pixels for c in self._unseen)]
        classes = {
            class_id: tuple(stem for stem, pixels in pairs if pixels.get(class_id + 1, 0) >= LEAST_PIXELS)
            for class_id in self.classes(split)
        }
        listed = {stem for stems in classes.values() for stem in stems}
        counts = ((MADE, len(stems)), (LEFT_OUT, len(stems) - len(pairs)))
        notes.merge(Note(what, count, str(folder)) for what, count in counts if count)
        return FoldList(tuple(stem for stem in stems if stem in listed), classes)

    def _reading_notes(self, split: Split) -> Sequence[Note]:
        self._listing(split)
        return self._list_notes.get(split, ())

    def _files(self, split: Split, stem: str, class_id: ClassId) -> tuple[Path, Path]:
        folders = self._folders(split)
        return self.root / folders.images / f"{stem}.jpg", self.root / folders.masks / f"{stem}.png"
