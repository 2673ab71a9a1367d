"""A folder of images of one class with a folder of their masks: which belong together, and which show nothing."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from sansa_lightning.data.formats.mask_files import read_object_mask
from sansa_lightning.data.formats.notes import Note, NoteBook
from sansa_lightning.object_masks import Kind
from sansa_lightning.orientation import Exif

EMPTY = "images left out, since their mask is empty"
ONLY_IGNORED = "images left out, whose mask has ignored pixels (255) but no object"
"""Masks of 0 and 255 alone in a class most of whose masks have 1, with 255 for what is ignored."""
VOID = "masks of 0, 1 and 255, of which 1 is the object and 255 is ignored"
TWO_RULES = "masks of 0 and 255, with 255 for the object, in a class that also has masks of 0 and 1"
TRANSPARENT = "masks read from the transparency (alpha) of their pictures"


class MaskFolder:
    """The images of a class, with their masks.

    Args:
        pictures: folder of the images.
        masks: folder of the masks.
        endings: of both, in lower case.
        exif: see ``orientation.Exif``.
        look: whether to read all masks, and to leave images out whose mask shows nothing.

    Attributes:
        images: names of the image files, ascending.
        notes: what was left out, and how masks were understood.

    Raises:
        FileNotFoundError: masks without an image.
        ValueError: two images or two masks of one name; or all masks are empty, or they contradict each other.
    """

    def __init__(self, pictures: Path, masks: Path, endings: Sequence[str], exif: Exif, look: bool) -> None:
        self._folder = masks
        files = _by_stem(pictures, endings, "share the mask {}.png; expected different names")
        self._masks = _by_stem(masks, endings, "are masks of one image, {}; expected one of them")
        alone = [file for stem, file in self._masks.items() if stem not in files]
        if alone:
            msg = f"{masks / alone[0]} has no image in {pictures}, and {len(alone) - 1} more; expected one of its name"
            raise FileNotFoundError(msg)
        self._faults: dict[str, ValueError | FileNotFoundError] = {}
        self._book = NoteBook()
        left_out = self._look(exif) if look else set()
        self.images = tuple(sorted(file for stem, file in files.items() if stem not in left_out))
        self.notes: Sequence[Note] = self._book.notes()

    def mask_of(self, image: str) -> Path:
        """The mask of an image file; ``<name>.png`` where there is none."""
        stem = Path(image).stem
        return self._folder / self._masks.get(stem, f"{stem}.png")

    def check(self, mask: Path) -> None:
        """Check that a mask is one of one class.

        Raises:
            ValueError: it is none, or cannot be read.
            FileNotFoundError: it is a link to nothing.
        """
        if mask.name in self._faults:
            raise self._faults[mask.name]

    def _look(self, exif: Exif) -> set[str]:
        """Stems of the masks that show nothing."""
        kinds: dict[Kind, list[str]] = defaultdict(list)
        for stem, file in sorted(self._masks.items()):
            try:
                found = read_object_mask(self._folder / file, exif)
            except (ValueError, FileNotFoundError) as error:  # told by check, with all others
                self._faults[file] = error
                continue
            kinds[found.kind].append(stem)
            if found.transparency:
                self._book.add(TRANSPARENT, str(self._folder / file))
        empty = kinds["empty"]
        if empty and len(empty) == len(self._masks):
            first = self._first(empty)
            msg = f"{first} is empty; expected masks that show the class, but all {len(empty)} of the folder are empty"
            raise ValueError(msg)
        self._note(EMPTY, empty)
        return {*empty, *self._only_ignored(kinds)}

    def _only_ignored(self, kinds: dict[Kind, list[str]]) -> list[str]:
        """Of masks by two rules: those of 0 and 255 in which 255 must be ignored.

        Raises:
            ValueError: it may as well be the object.
        """
        plain, void, bare = kinds["0 and 1"], kinds["0, 1 and 255"], kinds["0 and 255"]
        self._note(VOID, void)
        if not bare or not (plain or void):
            return []
        if not void:
            self._note(TWO_RULES, bare)
            return []
        if len(bare) < len(plain) + len(void):
            self._note(ONLY_IGNORED, bare)
            return bare
        msg = (
            f"{self._first(bare)}: expected masks of one kind, but {len(void)} of the folder have 0, 1 and 255 (first: "
            f"{self._first(void)}), where 255 is ignored, and {len(bare)} have 0 and 255, where it may be the object"
        )
        raise ValueError(msg)

    def _note(self, what: str, stems: Sequence[str]) -> None:
        for stem in stems:
            self._book.add(what, str(self._folder / self._masks[stem]))

    def _first(self, stems: Sequence[str]) -> Path:
        return self._folder / self._masks[stems[0]]


def _by_stem(folder: Path, endings: Sequence[str], fault: str) -> dict[str, str]:
    """Name without ending -> file, ascending; ``fault`` says what two files of one name are."""
    there = folder.iterdir() if folder.is_dir() else ()
    files = sorted(file for file in there if file.suffix.lower() in endings and file.name[0] != ".")
    found: dict[str, str] = {}
    for file in files:
        other = found.setdefault(file.stem, file.name)
        if other != file.name:
            msg = f"{file} and {other} {fault.format(file.stem)}"
            raise ValueError(msg)
    return found
