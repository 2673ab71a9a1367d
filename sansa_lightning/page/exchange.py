"""A session's masks as files for other programs, and such files back into a session."""

from __future__ import annotations

import tempfile
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from sansa_lightning.annotate.found import Found
from sansa_lightning.annotate.job.entries import Shape, entries_of
from sansa_lightning.annotate.job.index_maps import write_index_maps
from sansa_lightning.annotate.job.journal import Journal, Record
from sansa_lightning.annotate.job.results import write_results
from sansa_lightning.data.formats.annotations.entry_ids import Id, id_of, look_up
from sansa_lightning.data.formats.annotations.json_file import entries, read_json
from sansa_lightning.data.formats.annotations.run_lengths import union
from sansa_lightning.data.formats.annotations.segmentations import Segmentations
from sansa_lightning.data.formats.notes import NoteBook
from sansa_lightning.files.messages import counted
from sansa_lightning.files.whole import replacing
from sansa_lightning.page.marks import Marks, mask_of_runs
from sansa_lightning.page.session import Cell, FoundMask, Session
from sansa_lightning.page.uploads import MOST_BYTES

ANNOTATIONS, MASKS = "annotations.json", "masks"
"""In an archive: COCO's JSON, and a folder with an index map for each picture."""

GIVEN = "reference"
"""Key of annotations whose mask a person has given."""


def write_archive(session: Session, path: Path) -> None:
    """Write a zip archive, whole: COCO's JSON, and a palette PNG for each picture, 0 is background, n the n-th class.

    Raises:
        ValueError: the session has no masks.
    """
    if not any(cell.found for cell in session.cells.values()):
        msg = "export: expected masks, but there are none yet"
        raise ValueError(msg)
    with tempfile.TemporaryDirectory() as temporary, replacing(path) as partial:
        folder = Path(temporary)
        with Journal(folder / "journal", "all", {}) as journal:
            images = [_image(session, number) for number in session.pictures]
            journal.append({"group": 0, "images": images})
        record = Record(folder / "journal", 1)
        categories = {name: number for number, name in enumerate(session.classes, 1)}
        write_results(folder / ANNOTATIONS, record, categories)
        write_index_maps(folder / MASKS, record)
        with zipfile.ZipFile(partial, "w", zipfile.ZIP_DEFLATED) as archive:
            for file in sorted([folder / ANNOTATIONS, *(folder / MASKS).rglob("*.png")]):
                archive.write(file, file.relative_to(folder))


def read_annotations(session: Session, path: Path) -> list[str]:
    """Take masks from COCO's JSON, or from an archive of :func:`write_archive`, for the pictures that it names.

    Annotations with a score are found masks; others are a person's, and make their picture a reference of the class.
    What the session has of a class in a picture is replaced.

    Returns:
        What was taken and what was not, a line each.

    Raises:
        ValueError: it is another kind of file, or fits none of the pictures.
    """
    with tempfile.TemporaryDirectory() as temporary:
        content_path = _extracted(path, Path(temporary)) if zipfile.is_zipfile(path) else path
        content = _content(content_path)
    named = {picture.name: number for number, picture in session.pictures.items()}
    numbers = {id_of(each["id"]): named.get(each["file_name"]) for each in entries(path, content, "images", IMAGE)}
    known: dict[Id, str] = {key: number for key, number in numbers.items() if key is not None and number is not None}
    names = {id_of(each["id"]): each["name"] for each in entries(path, content, "categories", CATEGORY)}
    book = NoteBook()
    cells = _cells(session, _masks(session, path, content, known, names, book))
    if not cells:
        wanted = ", ".join(list(named)[:3]) or "no pictures, since there are none"
        msg = f"{path.name}: expected masks of pictures of this session ({wanted}), but it has none; {book}".rstrip(
            "; "
        )
        raise ValueError(msg)
    for (_, name), _cell in cells.items():
        session.add_class(name)
    session.cells.update(cells)
    session.save()
    return [f"{counted(len(cells), 'mask')} taken", *map(str, book.notes())]


IMAGE, CATEGORY, ANNOTATION = ("id", "file_name"), ("id", "name"), ("image_id", "category_id", "segmentation")


def _image(session: Session, number: str) -> dict[str, Any]:
    """A picture's line of the journal."""
    picture = session.pictures[number]
    found: list[dict[str, Any]] = []
    for name, cell in session.of_picture(number):
        if cell.found is not None:
            mask = mask_of_runs(cell.found.runs, picture.size)[None]
            entry = Found((name,), mask, np.array([cell.found.score or 0], np.float32), _presence(cell.found))
            found += [
                _given(each | {"class": session.classes.index(name)}, cell) for each in entries_of(entry, Shape())
            ]
    return {"target": int(number), "name": picture.name, "id": int(number), "size": picture.size, "found": found}


def _presence(found: FoundMask) -> Any:
    return None if found.presence is None else np.array([found.presence], np.float32)


def _given(entry: dict[str, Any], cell: Cell) -> dict[str, Any]:
    if cell.marks is None:
        return entry
    return {key: value for key, value in entry.items() if key not in ("score", "presence")} | {GIVEN: True}


def _content(path: Path) -> Any:
    try:
        return read_json(path, "a file in COCO's format")
    except ValueError as error:  # without the folder of uploads
        msg = f"{path.name}: expected a file in COCO's format, or an archive of this page, but it is no JSON"
        raise ValueError(msg) from error


def _extracted(path: Path, folder: Path) -> Path:
    """The annotations of an archive, by themselves: no other name in it is looked at."""
    with zipfile.ZipFile(path) as archive:
        try:
            if archive.getinfo(ANNOTATIONS).file_size <= MOST_BYTES:
                return Path(archive.extract(ANNOTATIONS, folder))
        except (KeyError, zipfile.BadZipFile) as error:
            msg = f"{path.name}: expected an archive with {ANNOTATIONS}, but it has none"
            raise ValueError(msg) from error
        msg = f"{path.name}: expected {ANNOTATIONS} of up to {MOST_BYTES // 10**6} MB, but it is larger"
        raise ValueError(msg)


def _masks(
    session: Session,
    path: Path,
    content: Any,
    known: Mapping[Id, str],
    names: Mapping[Any, Any],
    book: NoteBook,
) -> Iterator[tuple[str, str, FoundMask]]:
    """Picture, class and mask of each annotation that can be used; a given one has no score."""
    read = Segmentations(book)
    for place, each in enumerate(entries(path, content, "annotations", ANNOTATION)):
        number, name = look_up(known, each["image_id"]), names.get(id_of(each["category_id"]))
        where = f"annotation {place}"
        if number is None or not isinstance(name, str):
            book.add("annotations of unknown pictures or classes", where)
            continue
        runs = read.runs(where, each["segmentation"], *session.pictures[number].size)
        if runs is not None:
            scores = [each.get(key) for key in ("score", "presence")]
            score, presence = (float(one) if isinstance(one, int | float) else None for one in scores)
            yield number, name, FoundMask(runs, None if each.get(GIVEN) else score, presence)


def _cells(session: Session, masks: Iterator[tuple[str, str, FoundMask]]) -> dict[tuple[str, str], Cell]:
    """Masks as what there is of a class in a picture; several of one class are joined."""
    cells: dict[tuple[str, str], Cell] = {}
    for number, name, mask in masks:
        size, before = session.pictures[number].size, cells.get((number, name))
        if before and before.found:
            runs = union([before.found.runs, mask.runs], *size)
            scores = [each.score for each in (before.found, mask) if each.score is not None]
            mask = FoundMask(runs, min(scores) if len(scores) == 2 else None)
        cells[number, name] = Cell(Marks(runs=mask.runs) if mask.score is None else None, found=mask)
    return cells
