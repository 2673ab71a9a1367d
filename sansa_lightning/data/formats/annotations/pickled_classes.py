"""The layout that published pickles share: a dictionary of classes, of which each lists pictures that must be there."""

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
    """What a dictionary has for each class, in its order; numbers may be text.

    Raises:
        ValueError: it is no dictionary, is empty, or has a key that is no class number or the number of another key.
    """
    if not isinstance(listed, dict) or not listed:
        msg = f"{where}: expected a dictionary with an entry a class, but got {brief(listed)}"
        raise ValueError(msg)
    classes: dict[ClassId, Any] = {}
    for key, about in listed.items():
        text = str(key) if type(key) is not bool else ""
        if not (text.isascii() and text.isdigit() and len(text) < 10) or int(text) in classes:
            msg = f"{where}: expected each class to be a number and there once, but got {brief(key)}"
            raise ValueError(msg)
        classes[int(text)] = about
    return classes


def category_labels(classes: dict[ClassId, Any]) -> dict[ClassId, str]:
    """Names of classes that have none in the file."""
    return {number: f"category {number}" for number in classes}


class Sizes:
    """Sizes of pictures, each looked up once.

    Args:
        folder: of the pictures.
        exif: what to do about EXIF orientations where run lengths do not tell.
    """

    def __init__(self, folder: Path, exif: Exif = "upright") -> None:
        self.folder = folder
        self.exif = exif
        self._drawn: dict[str, set[tuple[int, int]]] = defaultdict(set)
        self._known: dict[str, tuple[int, int]] = {}

    def drawn(self, file: str, segmentations: Iterable[Any]) -> None:
        """Keep the sizes that a picture's run lengths have, which tell which way up they are.

        All of a picture come before :meth:`of`: polygons, which say nothing of the size, go by the run lengths too.

        Args:
            file: below the folder.
            segmentations: that are drawn on it, as they are in the file.
        """
        for segmentation in segmentations:
            self._drawn[file].update(stored_sizes(segmentation))

    def of(self, file: str, where: str) -> tuple[int, int]:
        """(H, W), pixels, after the turn that its EXIF orientation asks for.

        Args:
            file: below the folder.
            where: what lists it, for the error.

        Raises:
            FileNotFoundError: there is no such picture.
            ValueError: it is none.
        """
        if file not in self._known:
            try:
                layout = layout_of(self.folder / file)
            except FileNotFoundError as error:
                msg = f"{self.folder / file} is not there; {where} lists it"
                raise FileNotFoundError(msg) from error
            drawn = self._drawn.pop(file, set())
            told = drawn & {layout.upright, layout.stored}
            size = told.pop() if len(told) == 1 else None  # of both sizes they contradict each other
            self._known[file] = layout.size(layout.turn(size, self.exif))
        return self._known[file]
