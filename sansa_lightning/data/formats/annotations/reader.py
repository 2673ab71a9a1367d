"""The usable annotations of a file in COCO's format, one at a time; the others are counted."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from sansa_lightning.data.formats.annotations.entry_ids import Id, id_of, look_up
from sansa_lightning.data.formats.annotations.json_file import AnnotationFile, Entry
from sansa_lightning.data.formats.annotations.lists import Categories, Pictures
from sansa_lightning.data.formats.annotations.segmentations import LeftOutError, Segmentations
from sansa_lightning.data.formats.notes import NoteBook
from sansa_lightning.files.messages import brief

NO_ENTRY = "annotations left out, whose entry is no JSON object"
NO_PICTURE = "annotations left out, whose image is not in the file or was left out"
NO_CATEGORY = "annotations left out, whose category is not in the file or was left out"
CROWDS_TAKEN = "crowd regions (iscrowd) used as objects"
NO_CROWD = "annotations left out, whose iscrowd is neither 0 nor 1"
TWICE = "annotations left out as duplicates"

_SINGLE = frozenset({None, 0, "0", "", "0.0", "false"})
_CROWD = frozenset({1, "1", "1.0", "true"})


class Annotation(NamedTuple):
    """A usable annotation.

    Attributes:
        row: place of its image.
        category: id, in the form for comparison.
        runs: run lengths of its mask.
        crowd: whether it is marked as a crowd.
        where: its name for messages.
        entry: as in the file.
    """

    row: int
    category: Id
    runs: bytes
    crowd: bool
    where: str
    entry: Entry


def usable(
    content: AnnotationFile,
    pictures: Pictures,
    categories: Categories,
    book: NoteBook,
    wanted: Callable[[Entry], bool] = lambda _: True,
) -> Iterator[Annotation]:
    """The usable annotations, in the order of the file.

    Args:
        content: the file.
        pictures: its images.
        categories: its categories.
        book: counts those left out.
        wanted: whether to look at an entry; the others are not counted.

    Raises:
        ValueError: none can be used, or most outlines have relative coordinates; says how many.
    """
    masks = Segmentations(book)
    for place, entry in enumerate(content.annotations()):
        if isinstance(entry, dict) and not wanted(entry):
            continue
        try:
            yield _annotation(place, entry, pictures, categories, masks)
        except LeftOutError as error:
            masks.leave_out(error)
    masks.check(content.path)


def _annotation(place: int, entry: Any, pictures: Pictures, categories: Categories, masks: Segmentations) -> Annotation:
    """The annotation in an entry.

    Raises:
        LeftOutError: it cannot be used.
    """
    if not isinstance(entry, dict):
        raise LeftOutError(NO_ENTRY, f"annotations[{place}]")
    where = f"annotation {_name(entry['id'])}" if "id" in entry else f"annotations[{place}]"
    row = look_up(pictures.rows, entry.get("image_id"))
    if row is None:
        raise LeftOutError(NO_PICTURE, f"{where}, image_id {brief(entry.get('image_id'))}")
    category = id_of(entry.get("category_id"))
    if category is None or category not in categories.names:
        raise LeftOutError(NO_CATEGORY, f"{where}, category_id {brief(entry.get('category_id'))}")
    crowd = is_crowd(entry.get("iscrowd"))
    if crowd is None:
        raise LeftOutError(NO_CROWD, f"{where}, iscrowd {brief(entry['iscrowd'])}")
    runs = masks.read(where, entry.get("segmentation"), *pictures.sizes[row])
    return Annotation(row, category, runs, crowd, where, entry)


def _name(number: Any) -> str:
    return str(number) if type(number) is int and abs(number) < 1 << 64 else brief(number)


def keep_once(parts: list[bytes], runs: bytes, where: str, book: NoteBook) -> None:
    """Add an object to those of a class in an image, unless one of them is identical."""
    if runs in parts:
        book.add(TWICE, where)
    else:
        parts.append(runs)


def is_crowd(value: Any) -> bool | None:
    """The value of ``iscrowd``, a number, a truth value, text or nothing (no crowd); None for anything else."""
    if isinstance(value, str):
        value = value.strip().lower()
    if value is not None and not isinstance(value, str | int | float):
        return None
    return False if value in _SINGLE else True if value in _CROWD else None
