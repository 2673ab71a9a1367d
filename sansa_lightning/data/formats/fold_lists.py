"""Few-shot lists in text files, as PFENet, BAM and their descendants circulate them: the images of a fold and class."""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sansa_lightning.clips.episode import ClassId
from sansa_lightning.data.formats.notes import Note, NoteBook
from sansa_lightning.data.formats.text_lists import read_lines
from sansa_lightning.files.messages import brief, plain

_NAME = re.compile(r"([\w-]{1,200})(?:\.(?:jpe?g|png))?", re.ASCII | re.IGNORECASE)


AGAIN = "entries of image lists left out as duplicates"


@dataclass(frozen=True, slots=True)
class Folders:
    """The folders of a list's images and masks, relative to the dataset's root.

    Attributes:
        images: of the images.
        masks: of the masks.
    """

    images: str
    masks: str


@dataclass(frozen=True, slots=True)
class FoldList:
    """The images of one fold and split.

    Attributes:
        images: stems, in the order of the list, each once.
        classes: class id, from 0 on, to the stems of its images, in their order; ids ascending.
    """

    images: tuple[str, ...]
    classes: Mapping[ClassId, tuple[str, ...]]


def read_fold(images: Path, classes: Path, folders: Folders, known: Collection[ClassId], notes: NoteBook) -> FoldList:
    """The two files of a fold, in either form in circulation.

    An entry is the stem of an image, or the path of an image and that of its mask: on a line of ``images`` separated by
    a blank, in ``classes`` as a pair. Of a path only the folder and the file count, whatever stands before them.

    Args:
        images: a list with an entry on each line.
        classes: the text of a Python dictionary from class numbers, counted from 1, to lists of entries.
        folders: that the entries may name.
        known: the class ids that may be in ``classes``.
        notes: takes the entries that are listed again, which are left out.

    Raises:
        FileNotFoundError: a file is missing.
        ValueError: an entry is none or leads to another folder, a class is not among those ``known``, or the two
            files list different images; names file and entry.
    """
    lines = read_lines(images, "a list of images, one on each line")
    stems = [
        _stem(f"{images}, line {number}", line.split(), folders) for number, line in enumerate(lines, 1) if line.strip()
    ]
    listed = _each_once(str(images), stems, notes)
    by_class = _classes(classes, folders, known, notes)
    _check_same(images, listed, classes, by_class)
    return FoldList(listed, by_class)


def _classes(
    path: Path, folders: Folders, known: Collection[ClassId], notes: NoteBook
) -> dict[ClassId, tuple[str, ...]]:
    content = _dictionary(path)
    numbers = [class_id + 1 for class_id in sorted(known)]
    found: dict[ClassId, tuple[str, ...]] = {}
    for number, entries in content.items():
        if type(number) is not int or number not in numbers or not isinstance(entries, list | tuple):
            kinds = f"lists of images of the classes {', '.join(map(str, numbers[:8]))}{', ...' * (len(numbers) > 8)}"
            msg = f"{path}: expected {kinds}, counted from 1, but got {brief({number: entries})}"
            raise ValueError(msg)
        where = f"{path}, class {number}"
        found[number - 1] = _each_once(where, [_stem(where, _parts(entry), folders) for entry in entries], notes)
    return dict(sorted(found.items()))


def _dictionary(path: Path) -> dict[Any, Any]:
    """The dictionary whose text is in a file; read as data, never run."""
    text = "\n".join(read_lines(path, "the text of a dictionary from classes to images"))
    try:
        content = ast.literal_eval(text.strip())
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError) as error:
        msg = f"{path}: expected the text of a Python dictionary from classes to images: {plain(str(error), 80)}"
        raise ValueError(msg) from error
    if not isinstance(content, dict):
        msg = f"{path}: expected the text of a Python dictionary from classes to images, but got {brief(content)}"
        raise ValueError(msg)
    return content


def _parts(entry: Any) -> Sequence[Any]:
    return entry if isinstance(entry, list | tuple) else (entry,)


def _stem(where: str, entry: Sequence[Any], folders: Folders) -> str:
    """The stem of an entry: of one name, or of the paths of an image and its mask."""
    wanted = (folders.images, folders.masks)[: len(entry)]
    stems = {_named(name, folder) for name, folder in zip(entry, wanted, strict=False)}
    if len(entry) not in (1, 2) or len(stems) > 1 or None in stems:
        shown = brief(" ".join(map(str, entry)), 120)
        msg = (
            f"{where}: expected the name of an image, or an image in {folders.images} and its mask in {folders.masks}, "
            f"but got {shown}"
        )
        raise ValueError(msg)
    return str(stems.pop())


def _named(name: Any, folder: str) -> str | None:
    """The stem of a name, or of a path whose file is in the last part of a folder; None if it is neither."""
    if not isinstance(name, str):
        return None
    *before, file = name.replace("\\", "/").split("/")
    found = _NAME.fullmatch(file)
    inside = not before or before[-1] == folder.rsplit("/", 1)[-1]
    return found[1] if found and inside else None


def _each_once(where: str, stems: Sequence[str], notes: NoteBook) -> tuple[str, ...]:
    notes.merge(Note(AGAIN, times - 1, f"{where}: {stem}") for stem, times in Counter(stems).items() if times > 1)
    return tuple(dict.fromkeys(stems))


def _check_same(images: Path, listed: Sequence[str], classes: Path, by_class: Mapping[ClassId, Sequence[str]]) -> None:
    """Refuse two files of different folds."""
    shown = {stem for stems in by_class.values() for stem in stems}
    astray = [stem for stem in listed if stem not in shown] or sorted(shown.difference(listed))
    if astray:
        only = (images, classes) if astray[0] not in shown else (classes, images)
        msg = (
            f"{only[0]} lists {astray[0]!r}, and {len(astray) - 1} more, that {only[1].name} does not; expected the "
            f"two files of one fold"
        )
        raise ValueError(msg)
