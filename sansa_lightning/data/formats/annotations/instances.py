"""An annotation file in COCO's format as regions: its images become views, its annotations objects."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from typing import Any, Literal

from sansa_lightning.clips.episode import ClassId
from sansa_lightning.data.formats.annotations.json_file import AnnotationFile
from sansa_lightning.data.formats.annotations.lists import Name, numbered, of_file, read_categories, read_pictures
from sansa_lightning.data.formats.annotations.reader import CROWDS_TAKEN, keep_once, usable
from sansa_lightning.data.formats.annotations.regions import Regions, View
from sansa_lightning.data.formats.notes import NoteBook

Crowds = Literal["ignore", "objects"]
"""The treatment of regions marked ``iscrowd``: left out of loss and score, as in COCO, or objects like others."""

CROWDS_IGNORED = "crowd regions (iscrowd) ignored (crowds: objects would use them as objects)"
WHAT = "an instances annotation file in COCO format"


def read_instances(
    path: Path, crowds: Crowds = "ignore", *, name: Name = of_file, renumbered: bool = True, what: str = WHAT
) -> Regions:
    """The usable annotations in a COCO-style JSON file; the others are counted.

    Args:
        path: of the file.
        crowds: the treatment of regions marked as crowds.
        name: gives the name of an image's file.
        renumbered: whether class ids are 0, 1, ... in ascending order of category id; else they are the category ids.
        what: the expected content, for the error.

    Raises:
        FileNotFoundError: no such file.
        ValueError: not JSON, a list is missing, entries contradict each other, or none can be used; names the file
            and the first entry, and says how many there are.
    """
    content = AnnotationFile(path, what)
    book = NoteBook()
    pictures = read_pictures(content, name, book)
    categories = read_categories(content, book)
    names = dict(enumerate(categories.names.values())) if renumbered else numbered(path, categories)
    class_ids = dict(zip(categories.names, names, strict=True))
    drawn: dict[tuple[ClassId, int], list[bytes]] = defaultdict(list)
    crowd: dict[tuple[ClassId, int], list[bytes]] = defaultdict(list)
    for annotation in usable(content, pictures, categories, book):
        ignored = annotation.crowd and crowds == "ignore"
        if annotation.crowd:
            book.add(CROWDS_IGNORED if ignored else CROWDS_TAKEN, annotation.where)
        parts = (crowd if ignored else drawn)[class_ids[annotation.category], annotation.row]
        keep_once(parts, annotation.runs, annotation.where, book)
    views = [View.whole(file, size) for file, size in zip(pictures.files, pictures.sizes, strict=True)]
    ids: dict[str, Any] = {"image_ids": pictures.ids, "category_ids": categories.ids} if renumbered else {}
    return Regions.pack(names, views, drawn, crowd, notes=book.notes(), **ids)
