"""A folder of images of one class and a folder of their masks: the pairs, and the masks that show nothing."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from sansa_lightning.data.formats.mask_files import read_object_mask
from sansa_lightning.data.formats.notes import Note, NoteBook
from sansa_lightning.images.object_masks import Kind
from sansa_lightning.images.orientation import Exif

EMPTY = "images left out, whose mask is empty"
ONLY_IGNORED = "images left out, whose mask has ignored pixels (255) but no object"
"""Masks of 0 and 255 alone, in a dataset whose other masks mostly have 1 for the object and 255 for ignored pixels."""
VOID = "masks of 0, 1 and 255, of which 1 is the object and 255 is ignored"
TWO_RULES = "masks of 0 and 255, with 255 for the object, in a dataset that also has masks of 0 and 1"
NOT_READ = "masks not looked at (check_files); in them 255 counts as ignored beside 1, else as the object"
TRANSPARENT = "masks read from the transparency (alpha) of the picture"


class MaskFolder:
    """The images of a class, with their masks; :func:`settle` decides what these mean.

    Args:
        pictures: folder of the images.
        masks: folder of the masks.
        endings: of both, in lower case.
        exif: see ``orientation.Exif``.
        look: whether to read all masks, and to leave out images whose mask shows nothing.

    Attributes:
        images: names of the image files, ascending.
        kinds: stems of the masks by the values that they have; empty if nobody looked.

    Raises:
        FileNotFoundError: masks have no image.
        ValueError: two images or two masks have one name, or all masks are empty.
    """

    def __init__(self, pictures: Path, masks: Path, endings: Sequence[str], exif: Exif, look: bool) -> None:
        self._folder = masks
        files = _by_stem(pictures, endings, "share the mask {}.png; expected different names")
        self._masks = _by_stem(masks, endings, "are masks of one image, {}; expected one of them")
        alone = [file for stem, file in self._masks.items() if stem not in files]
        if alone:
            msg = f"{masks / alone[0]} has no image in {pictures}, and {len(alone) - 1} more; expected one of its name"
            raise FileNotFoundError(msg)
        self.images = tuple(sorted(files.values()))
        self.kinds: dict[Kind, list[str]] = defaultdict(list)
        self._faults: dict[str, ValueError | FileNotFoundError] = {}
        self._book = NoteBook()
        if look:
            self._look(exif)
        else:
            self._note(NOT_READ, list(self._masks))

    @property
    def notes(self) -> Sequence[Note]:
        """The images left out, and how masks were understood."""
        return self._book.notes()

    def mask_of(self, image: str) -> Path:
        """The mask of an image file; ``<name>.png`` if there is none."""
        stem = Path(image).stem
        return self._folder / self._masks.get(stem, f"{stem}.png")

    def check(self, mask: Path) -> None:
        """Check that a file is a mask of one class.

        Raises:
            ValueError: it is not, or cannot be read.
            FileNotFoundError: it is a broken link.
        """
        if mask.name in self._faults:
            raise self._faults[mask.name]

    def all_are(self, kind: Kind) -> bool:
        """Whether there are masks of this kind, and none of another kind except empty ones."""
        return bool(self.kinds[kind]) and not any(
            self.kinds[other] for other in self.kinds if other not in (kind, "empty")
        )

    def settle(self, ignored: bool, two_rules: bool) -> None:
        """Leave out images that show nothing, and note how the others' masks are understood.

        Args:
            ignored: whether 255 is ignored in this dataset, also in masks without 1.
            two_rules: whether the dataset has masks of 0 and 1 beside those of 0 and 255.
        """
        bare = self.kinds["0 and 255"]
        self._note(EMPTY, self.kinds["empty"])
        self._note(VOID, self.kinds["0, 1 and 255"])
        if ignored or two_rules:
            self._note(ONLY_IGNORED if ignored else TWO_RULES, bare)
        left_out = {*self.kinds["empty"], *(bare if ignored else ())}
        self.images = tuple(file for file in self.images if Path(file).stem not in left_out)

    def first(self, kind: Kind) -> Path:
        """The first mask of a kind; there must be one."""
        return self._folder / self._masks[self.kinds[kind][0]]

    def _look(self, exif: Exif) -> None:
        for stem, file in sorted(self._masks.items()):
            try:
                found = read_object_mask(self._folder / file, exif)
            except (ValueError, FileNotFoundError) as error:  # check tells it, with all others
                self._faults[file] = error
                continue
            self.kinds[found.kind].append(stem)
            if found.transparency:
                self._book.add(TRANSPARENT, str(self._folder / file))
        empty = self.kinds["empty"]
        if empty and len(empty) == len(self._masks):
            msg = (
                f"{self.first('empty')} is empty; expected masks that show the class, but all {len(empty)} in the "
                f"folder are empty"
            )
            raise ValueError(msg)

    def _note(self, what: str, stems: Sequence[str]) -> None:
        for stem in stems:
            self._book.add(what, str(self._folder / self._masks[stem]))


def settle(folders: Sequence[MaskFolder]) -> None:
    """Decide what masks of 0 and 255 mean, once for all folders and both splits of a dataset.

    If no mask has 0, 1 and 255, 255 is the object. Otherwise it is ignored, and a mask of 0 and 255 shows nothing.

    Args:
        folders: of the dataset, each once.

    Raises:
        ValueError: it could be either: such masks are as many as those of 0, 1 and 255, or all of a folder.
    """
    void, bare = ([folder for folder in folders if folder.kinds[kind]] for kind in ("0, 1 and 255", "0 and 255"))
    voids, bares = (sum(len(folder.kinds[kind]) for folder in folders) for kind in ("0, 1 and 255", "0 and 255"))
    doubtful = next((folder for folder in bare if folder.all_are("0 and 255")), None)
    if voids and bares and (bares >= voids or doubtful):
        msg = (
            f"{(doubtful or bare[0]).first('0 and 255')}: expected masks of one kind, but {voids} in the dataset have "
            f"0, 1 and 255 (first: {void[0].first('0, 1 and 255')}), where 255 is ignored, and {bares} have 0 and 255, "
            f"where it may be the object"
        )
        raise ValueError(msg)
    two_rules = any(folder.kinds["0 and 1"] for folder in folders)
    for folder in folders:
        folder.settle(ignored=bool(voids), two_rules=two_rules)


def _by_stem(folder: Path, endings: Sequence[str], fault: str) -> dict[str, str]:
    """Name without ending -> file, ascending; ``fault`` is the error for two files of one name."""
    there = folder.iterdir() if folder.is_dir() else ()
    files = sorted(file for file in there if file.suffix.lower() in endings and file.name[0] != ".")
    found: dict[str, str] = {}
    for file in files:
        other = found.setdefault(file.stem, file.name)
        if other != file.name:
            msg = f"{file} and {other} {fault.format(file.stem)}"
            raise ValueError(msg)
    return found
