"""The base of sources whose data are files below a folder: read once, looked up by key, verified."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path
from typing import Generic, TypeVar, get_args

from sansa_lightning.clips.episode import ClassId, ImageKey
from sansa_lightning.data.formats.annotations.lists import BACKSLASHES
from sansa_lightning.data.formats.mask_files import missing_files
from sansa_lightning.data.formats.notes import Note
from sansa_lightning.data.formats.picture_checks import PictureFiles, Seen, check_pictures
from sansa_lightning.data.sources.base import Source, Split
from sansa_lightning.images.orientation import Exif, check_exif
from sansa_lightning.images.pictures import check_image

Listing = TypeVar("Listing")
"""The content of a split, read before any picture: its classes, and the images that show them."""


class FileSource(Source, Generic[Listing]):
    """A dataset in files. Image keys are ``<split>/<name>``; a subclass gives the names of a split.

    Args:
        root: the dataset's folder.
        check_files: whether :meth:`verify` opens each picture.
        exif: what to do about EXIF orientations if sizes do not settle it; see ``orientation.Exif``.
    """

    def __init__(self, root: Path, check_files: bool = True, exif: Exif = "upright") -> None:
        self.root = Path(root)
        self.check_files = check_files
        self.exif: Exif = check_exif(type(self).__name__, exif)
        self._listings: dict[Split, Listing] = {}
        self._images: dict[tuple[ClassId, Split], tuple[str, ...]] = {}
        self._places: dict[Split, dict[str, int]] = {}
        self._picture_notes: dict[Split, tuple[Note, ...]] = {}

    def __str__(self) -> str:
        return f"{self.name} in {self.root}"

    def __getstate__(self) -> dict[str, object]:
        """Without anything derived from the listings: spawned workers derive it themselves."""
        return self.__dict__ | {"_images": {}, "_places": {}}

    @abstractmethod
    def _read(self, split: Split) -> Listing:
        """A split's listing, from its files."""

    @abstractmethod
    def _names_in(self, listing: Listing) -> Iterable[str]:
        """The names of all images."""

    @abstractmethod
    def _names_of(self, listing: Listing, class_id: ClassId) -> Iterable[str]:
        """The names of the images that show a class, in a fixed order."""

    @abstractmethod
    def _known_classes(self, split: Split) -> Collection[ClassId]:
        """The ids that may be asked for in a split."""

    @abstractmethod
    def picture_files(self, split: Split) -> Sequence[PictureFiles]:
        """See :meth:`HasFiles.picture_files`."""

    def images(self, class_id: ClassId, split: Split) -> Sequence[ImageKey]:
        """Keys of the images that show the class, in the order of the dataset's files."""
        if (class_id, split) not in self._images:
            names = self._names_of(self._listing(split), self._known(class_id, split))
            self._images[class_id, split] = tuple(f"{split}/{name}" for name in names)
        return self._images[class_id, split]

    def verify(self, split: Split) -> None:
        """Check that all files of a split exist and, with ``check_files``, that they are whole.

        Raises:
            FileNotFoundError: names the first missing files and says how many are missing.
            ValueError: names the first picture that is broken, or has another size than its annotations, and says how
                many there are.
        """
        pictures = self.picture_files(split)
        files = dict.fromkeys(file for each in pictures for file in (each.image, each.mask) if file is not None)
        missing = missing_files(files)
        if missing:
            named = ", ".join(map(str, missing[:3])) + (", ..." if len(missing) > 3 else "")
            msg = f"{self}: {len(missing)} of the {len(files)} files {self._lister(split)} are not there: {named}"
            msg += "".join(f"; {note}" for note in self._reading_notes(split) if note.what == BACKSLASHES)
            raise FileNotFoundError(msg)
        if self.check_files:
            self._picture_notes[split] = check_pictures(pictures, self.check_picture)

    def check_picture(self, files: PictureFiles) -> Seen:
        """See :meth:`HasFiles.check_picture`."""
        return Seen(check_image(files.image, files.size, self.exif).turn)

    def notes(self, split: Split) -> Sequence[Note]:
        """Counts of things left out or merged in reading and, after :meth:`verify`, of pictures turned by EXIF."""
        return (*self._reading_notes(split), *self._picture_notes.get(split, ()))

    def _lister(self, split: Split) -> str:
        """A phrase that says where the files are listed, for messages."""
        return f"of the {split} split"

    def _reading_notes(self, split: Split) -> Sequence[Note]:
        return ()

    def _listing(self, split: Split) -> Listing:
        if split not in self._listings:
            self._check_root()
            self._listings[split] = self._read(split)
        return self._listings[split]

    def _check_root(self) -> None:
        if not self.root.is_dir():
            msg = f"{type(self).__name__}.root: {self.root} is not a folder; expected the one with the dataset"
            raise FileNotFoundError(msg)

    def _find(self, key: ImageKey) -> tuple[Split, str, int]:
        """Split and name of a key, and the name's index in the split."""
        start, _, name = str(key).partition("/")
        for split in get_args(Split):
            if start == split:
                place = self._numbered(split).get(name)
                if place is not None:
                    return split, name, place
        msg = f"{self}: unknown image {key!r}; expected a key that images() gives, such as train/<name> or val/<name>"
        raise KeyError(msg)

    def _numbered(self, split: Split) -> dict[str, int]:
        if split not in self._places:
            names = self._names_in(self._listing(split))
            self._places[split] = {name: place for place, name in enumerate(names)}
        return self._places[split]

    def _known(self, class_id: ClassId, split: Split) -> ClassId:
        known = self._known_classes(split)
        if class_id not in known:
            raise self._unknown(class_id, known)
        return class_id

    def _unknown(self, class_id: ClassId, known: Collection[ClassId]) -> KeyError:
        least, most = min(known, default=0), max(known, default=-1)
        without_gaps = least == 0 and most == len(known) - 1
        told = f"0 to {most}" if without_gaps else f"one of {len(known)} from {least} to {most}"
        return KeyError(f"{self}: unknown class {class_id}; expected {told}")
