"""The common layout of published pickles: a dictionary of classes, each with a list of pictures that must exist."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from sansa_lightning.clips.episode import ClassId
from sansa_lightning.data.formats.annotations.segmentations import stored_sizes
from sansa_lightning.files.messages import brief
from sansa_lightning.images.orientation import Exif
from sansa_lightning.images.pictures import layout_of


def by_class(where: str, listed: Any) -> dict[ClassId, Any]:
    """The value of each class in a dictionary, in its order; class numbers may be text.

    Raises:
        ValueError: it is no dictionary, is empty, or has a key that is no class number or repeats one.
    """
    if not isinstance(listed, dict) or not listed:
        msg = f"{where}: expected a dictionary with an entry for each class, but got {brief(listed)}"
        raise ValueError(msg)
    classes: dict[ClassId, Any] = {}
    for key, about in listed.items():
        text = str(key) if type(key) is not bool else ""
        if not (text.isascii() and text.isdigit() and len(text) < 10) or int(text) in classes:
            msg = f"{where}: expected each class once, as a number, but got {brief(key)}"
            raise ValueError(msg)
        classes[int(text)] = about
    return classes


def category_labels(classes: dict[ClassId, Any]) -> dict[ClassId, str]:
    """Names for classes without names in the file."""
    return {number: f"category {number}" for number in classes}


class Sizes:
    """Sizes of pictures, each looked up once.

    Args:
        folder: of the pictures.
        exif: what to do about EXIF orientations if run lengths do not settle it.
    """

    def __init__(self, folder: Path, exif: Exif = "upright") -> None:
        self.folder = folder
        self.exif = exif
        self._drawn: dict[str, set[tuple[int, int]]] = defaultdict(set)
        self._known: dict[str, tuple[int, int]] = {}

    def drawn(self, file: str, segmentations: Iterable[Any]) -> None:
        """Keep the sizes of a picture's run lengths, which show which way up it was annotated.

        Call it for all of a picture's segmentations before :meth:`of`: polygons, without a size, go by these too.

        Args:
            file: below the folder.
            segmentations: of the picture, as in the file.
        """
        for segmentation in segmentations:
            self._drawn[file].update(stored_sizes(segmentation))

    def of(self, file: str, where: str) -> tuple[int, int]:
        """(H, W), pixels, after the turn that its EXIF orientation asks for.

        Args:
            file: below the folder.
            where: the list that has it, for the error.

        Raises:
            FileNotFoundError: there is no such picture.
            ValueError: it is not a picture.
        """
        if file not in self._known:
            try:
                layout = layout_of(self.folder / file)
            except FileNotFoundError as error:
                msg = f"{self.folder / file} is not there; {where} lists it"
                raise FileNotFoundError(msg) from error
            drawn = self._drawn.pop(file, set())
            told = drawn & {layout.upright, layout.stored}
            size = told.pop() if len(told) == 1 else None  # two sizes contradict each other
            self._known[file] = layout.size(layout.turn(size, self.exif))
        return self._known[file]
