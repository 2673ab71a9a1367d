"""The references of a job: a folder for each class, a file in COCO's format, or a file of prompts."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from sansa_lightning.annotate.given.prompts_file import prompted_images
from sansa_lightning.annotate.given.told import tell
from sansa_lightning.annotate.names import check_class_name
from sansa_lightning.clips.prompt import Prompt
from sansa_lightning.data.formats.annotations.json_file import read_json
from sansa_lightning.data.formats.mask_files import read_object_mask
from sansa_lightning.data.formats.mask_folder import MaskFolder, settle
from sansa_lightning.data.formats.notes import NoteBook
from sansa_lightning.data.sources.coco_file import CocoFile
from sansa_lightning.data.sources.folder import ENDINGS
from sansa_lightning.files.messages import brief, plain
from sansa_lightning.images.orientation import Exif

Reader = Callable[[], tuple[Any, Prompt]]
"""Reads one reference: its picture, or the path of it, and its prompt."""

EXPECTED = "a folder with <class>/images and <class>/masks, a file in COCO's format, or a file of prompts"

UNUSED = "classes left out, without a reference that can be used"


@dataclass(frozen=True)
class References:
    """Classes and their references, none of them read yet.

    Attributes:
        readers: of the references of each class, by its name.
        ids: category ids of the classes.
    """

    readers: Mapping[str, list[Reader]]
    ids: Mapping[str, int]


def find_references(path: Path, images: Path | None, exif: Exif, shots: int | None) -> References:
    """The references in a folder or a file.

    Args:
        path: see ``EXPECTED``.
        images: folder of the pictures that a file names; its own if None.
        exif: see ``orientation.Exif``.
        shots: the most references of a class, the first ones; all if None.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is something else, or has no references.
    """
    book = NoteBook()
    if path.is_dir():
        found = _of_folder(path, exif, book)
    elif not path.is_file():
        msg = f"--references: {path} is not there; expected {EXPECTED}"
        raise FileNotFoundError(msg)
    else:
        found = _of_file(path, path.parent if images is None else images, exif, book)
    for name, own in found.readers.items():
        if not own:
            book.add(UNUSED, name)
    readers = {name: own[:shots] for name, own in found.readers.items() if own}
    if not readers:
        why = f" that can be used: {plain(str(book))}" if book.notes() else ""
        msg = f"--references: {path} has none{why}; expected {EXPECTED}"
        raise ValueError(msg)
    for name in readers:
        check_class_name(name, f"--references: {path}")
    tell(book)
    return References(readers, {name: found.ids[name] for name in readers})


def _of_folder(root: Path, exif: Exif, book: NoteBook) -> References:
    """As ``Folder`` reads a split; images without a mask are no references."""
    parts = {each.name: [(each / part).is_dir() for part in ("images", "masks")] for each in root.iterdir()}
    names = sorted(name for name, found in parts.items() if all(found))
    for name in sorted(name for name, found in parts.items() if any(found) and not all(found)):
        book.add("classes left out, whose folder has not both of images and masks", name)
    folders = {
        name: MaskFolder(root / name / "images", root / name / "masks", ENDINGS, exif, look=True) for name in names
    }
    settle(tuple(folders.values()))
    readers: dict[str, list[Reader]] = {}
    for name, folder in folders.items():
        pairs = [(root / name / "images" / image, folder.mask_of(image)) for image in folder.images]
        pairs = [(image, mask) for image, mask in pairs if mask.is_file()]
        for _, mask in pairs:
            folder.check(mask)
        readers[name] = [partial(_drawn, image, mask, exif) for image, mask in pairs]
        book.merge(folder.notes)
    return References(readers, {name: number for number, name in enumerate(names, 1)})


def _drawn(image: Path, mask: Path, exif: Exif) -> tuple[Path, Prompt]:
    return image, Prompt.mask(read_object_mask(mask, exif).mask == 1)


def _of_file(path: Path, images: Path, exif: Exif, book: NoteBook) -> References:
    if path.suffix != ".json":
        msg = f"--references: expected {EXPECTED}, but got {path}"
        raise ValueError(msg)
    if _is_coco(path):
        return _of_coco(path, images, exif, book)
    readers: dict[str, list[Reader]] = {}
    for name, image, prompt in prompted_images(path, images, exif):
        readers.setdefault(name, []).append(partial(_given, image, prompt))
    return References(readers, {name: number for number, name in enumerate(readers, 1)})


def _given(image: Path, prompt: Callable[[], Prompt]) -> tuple[Path, Prompt]:
    return image, prompt()


def _is_coco(path: Path) -> bool:
    content = read_json(path, "a file in COCO's format, or a file of prompts")
    if isinstance(content, dict) and ("annotations" in content) != ("references" in content):
        return "annotations" in content
    msg = f"--references: expected {path} to have annotations as COCO's files, or references, but got {brief(content)}"
    raise ValueError(msg)


def _of_coco(path: Path, images: Path, exif: Exif, book: NoteBook) -> References:
    source = CocoFile(images, path, check_files=False, exif=exif)
    readers: dict[str, list[Reader]] = {}
    ids: dict[str, int] = {}
    for class_id in source.classes("val"):
        keys = list(source.images(class_id, "val"))
        if not keys:
            book.add(UNUSED, source.class_name(class_id))
            continue
        name, category = source.class_name(class_id), source.ids_in_file(keys[0], class_id)[1]
        if type(category) is not int or name in ids:
            msg = f"{path}: expected categories of different names with whole numbers as ids, but got {brief(name)}"
            raise ValueError(msg)
        readers[name] = [partial(_annotated, source, key, class_id) for key in keys]
        ids[name] = category
    book.merge(source.notes("val"))
    return References(readers, ids)


def _annotated(source: CocoFile, key: Any, class_id: Any) -> tuple[Any, Prompt]:
    image, mask = source.load(key, class_id)
    return image, Prompt.mask(mask == 1)


def each_class(references: References) -> Iterator[tuple[str, list[tuple[Any, Prompt]]]]:
    """Name and references of each class, read when its turn comes."""
    for name, readers in references.readers.items():
        yield name, [read() for read in readers]
