"""The short lists of an annotation file in COCO's format, images and categories, by their ids."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sansa_lightning.clips.episode import ClassId
from sansa_lightning.data.formats.annotations.entry_ids import Id, id_of, in_order, whole
from sansa_lightning.data.formats.annotations.json_file import AnnotationFile, Entry
from sansa_lightning.data.formats.annotations.run_lengths import is_size
from sansa_lightning.data.formats.notes import NoteBook
from sansa_lightning.data.formats.picture_files import as_written, ending
from sansa_lightning.files.messages import brief

NO_IMAGE = "images left out, without an id, a name or a size in pixels"
TWICE = "entries of images left out as duplicates"
MERGED = "images merged with another id of the same picture"
BACKSLASHES = "names of pictures with backslashes, taken for separators of folders unless a file has exactly that name"
NO_CATEGORY = "categories left out, without an id"
CATEGORY_TWICE = "categories left out as duplicates"
NAMELESS = "categories without a name, called by the id"

Name = Callable[[str, Entry], str | None]
"""Place and entry of an image -> its file; None if it has none, a ValueError if its name is not acceptable."""


@dataclass
class Pictures:
    """The usable images of a file, in its order.

    Attributes:
        files: the name of each.
        sizes: (H, W) of each, pixels.
        ids: of each, as written; the first one of an image that has several.
        rows: id, in the form for comparison -> place in these lists.
    """

    files: list[str] = field(default_factory=list)
    sizes: list[tuple[int, int]] = field(default_factory=list)
    ids: list[Any] = field(default_factory=list)
    rows: dict[Id, int] = field(default_factory=dict)
    _by_file: dict[str, int] = field(default_factory=dict)

    def add(self, where: str, written: Any, file: str, size: tuple[int, int], book: NoteBook) -> str | None:
        """Add an image, or merge it with an earlier entry; gives the contradiction between the two, if there is one."""
        number = id_of(written)
        row = self._by_file.setdefault(file.replace("\\", "/"), len(self.files))
        if row == len(self.files):
            self.files.append(file)
            self.sizes.append(size)
            self.ids.append(written)
            if "\\" in file:
                book.add(BACKSLASHES, f"{where}, {brief(file)}")
        else:
            same = number == id_of(self.ids[row])
            book.add(TWICE if same else MERGED, f"{where}, {brief(file)}")
        first = row if number is None else self.rows.setdefault(number, row)
        if first != row:
            return f"{where} is {brief(self.files[first])} and {brief(file)}"
        known = self.sizes[row]
        return None if known == size else f"{where}, {brief(file)}, is of {_pixels(known)} and {_pixels(size)}"


@dataclass(frozen=True)
class Categories:
    """The categories of a file, in ascending order of id.

    Attributes:
        names: id, in the form for comparison -> name.
        ids: as written.
    """

    names: dict[Id, str]
    ids: tuple[Any, ...]


def read_pictures(content: AnnotationFile, name: Name, book: NoteBook) -> Pictures:
    """The images of a file; entries with one name are one image.

    Args:
        content: the file.
        name: gives the name of an image's file.
        book: counts images left out or merged.

    Raises:
        ValueError: there is no list, no image can be used, names lead elsewhere, or entries contradict each other;
            names the first and says how many there are.
    """
    found = Pictures()
    astray: list[str] = []
    contradicting: list[str] = []
    images = content.listed("images")
    for place, image in enumerate(images):
        number, where, size = _about(place, image)
        try:
            file = name(where, image) if number is not None and size is not None else None
        except ValueError as error:
            astray.append(str(error))
            continue
        if number is None or size is None or file is None:
            book.add(NO_IMAGE, where)
        elif trouble := found.add(where, image["id"], file, size, book):
            contradicting.append(trouble)
    path = content.path
    _refuse(f"{path}: ", astray, f"of {len(images)} images have such a name")
    _refuse(f"{path}: expected one picture per id, of one size, but ", contradicting, "are like this")
    if images and not found.files:
        msg = f"{path}: none of its {len(images)} images can be used: {book}"
        raise ValueError(msg)
    return found


def read_categories(content: AnnotationFile, book: NoteBook) -> Categories:
    """The categories of a file.

    Raises:
        ValueError: there are none, or an id has two names; says how many have.
    """
    names: dict[Id, str] = {}
    ids: dict[Id, Any] = {}
    contradicting: list[str] = []
    categories = content.listed("categories")
    for place, category in enumerate(categories):
        written = category.get("id") if isinstance(category, dict) else None
        number = id_of(written)
        if number is None:
            book.add(NO_CATEGORY, f"categories[{place}]")
            continue
        name = _category_name(category.get("name"))
        if name is None:
            book.add(NAMELESS, f"category {brief(written)}")
            name = f"category {number}"
        if number in names:
            book.add(CATEGORY_TWICE, f"category {brief(written)}")
            if names[number] != name:
                contradicting.append(f"{brief(written)} is {brief(names[number])} and {brief(name)}")
        ids.setdefault(number, written)
        names.setdefault(number, name)
    _refuse(f"{content.path}: expected one name per category, but ", contradicting, "are like this")
    if not names:
        msg = f"{content.path}: expected at least one category with an id, but 'categories' has none"
        raise ValueError(msg)
    ascending = sorted(names, key=in_order)
    return Categories({number: names[number] for number in ascending}, tuple(ids[number] for number in ascending))


def numbered(path: Path, categories: Categories) -> dict[ClassId, str]:
    """The names of categories whose ids serve as class ids.

    Raises:
        ValueError: ids are not numbers; names the first and says how many are not.
    """
    names = {number: name for number, name in categories.names.items() if isinstance(number, int)}
    others = [number for number in categories.names if isinstance(number, str)]
    _refuse(f"{path}: expected ids of categories to be numbers, but got ", [*map(brief, others)], "are none")
    return names


def of_coco(where: str, image: Entry) -> str | None:
    """``<folder>/<file>`` of a COCO image, which LVIS and PACO give by address or by file name.

    Raises:
        ValueError: its name has another form.
    """
    return ending(f"{where}, coco_url or file_name", image.get("coco_url") or image.get("file_name"))


def of_file(where: str, image: Entry) -> str | None:
    """``file_name`` of an image as written; see :func:`located`.

    Raises:
        ValueError: it leads out of the folder.
    """
    return as_written(f"{where}, file_name", image.get("file_name"))


def _about(place: int, image: Any) -> tuple[Id | None, str, tuple[int, int] | None]:
    """Id, name for messages, and (H, W) of an image's entry; None for a missing or unusable one."""
    if not isinstance(image, dict) or id_of(image.get("id")) is None:
        return None, f"images[{place}]", None
    height, width = whole(image.get("height")), whole(image.get("width"))
    size = (height, width) if height is not None and width is not None and is_size(height, width) else None
    return id_of(image["id"]), f"image {brief(image['id'])}", size


def _category_name(name: Any) -> str | None:
    """A category's name; a number becomes text."""
    if isinstance(name, int | float) and not isinstance(name, bool):
        return str(name)
    return name if isinstance(name, str) and name.strip() else None


def _pixels(size: tuple[int, int]) -> str:
    return f"{size[1]}x{size[0]} pixels"


def _refuse(before: str, found: Sequence[str], after: str) -> None:
    if found:
        msg = f"{before}{found[0]}; {len(found)} {after}"
        raise ValueError(msg)
