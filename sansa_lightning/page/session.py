"""A session: pictures, classes, what was marked and what was found; kept in a folder, so that a crash loses nothing."""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from PIL import Image

from sansa_lightning.data.formats.annotations.json_file import read_json
from sansa_lightning.data.formats.annotations.run_lengths import of_counts
from sansa_lightning.files.messages import brief, plain
from sansa_lightning.files.whole import replacing, write_text
from sansa_lightning.page.marks import Marks

FILE = "session.json"
VERSION = 1
_ID = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True)
class Picture:
    """A picture of a session.

    Attributes:
        name: as it was uploaded; different in a session.
        size: (H, W).
        file: its name in the session's folder, a PNG without orientation or transparency.
    """

    name: str
    size: tuple[int, int]
    file: str


@dataclass(frozen=True)
class FoundMask:
    """The mask of a class in a picture.

    Attributes:
        runs: COCO's compressed run lengths.
        score: predicted IoU; None for a reference, whose mask was given or is the model's answer to its marks.
        presence: see ``annotate.found.Found``; None unless asked for.
    """

    runs: bytes
    score: float | None = None
    presence: float | None = None

    @property
    def certainty(self) -> float:
        """Presence, or without it predicted IoU; 2 for a reference."""
        known = self.score if self.presence is None else self.presence
        return 2.0 if known is None else known


@dataclass(frozen=True)
class Cell:
    """What there is of one class in one picture.

    Attributes:
        marks: that make it a reference; None for a target.
        clicks: that correct a target; its marks are clicks alone.
        found: its mask; None until it has been looked for.
    """

    marks: Marks | None = None
    clicks: Marks = field(default_factory=Marks)
    found: FoundMask | None = None


class Session:
    """A session and its folder.

    Args:
        folder: its name is the session's id, which nobody can guess; it need not be there yet.

    Attributes:
        pictures: by their number in the session, as text.
        classes: in the order in which they were named.
        cells: by picture and class.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.pictures: dict[str, Picture] = {}
        self.classes: list[str] = []
        self.cells: dict[tuple[str, str], Cell] = {}

    @classmethod
    def new(cls, root: Path) -> Session:
        """An empty one in a folder of its own below ``root``."""
        return cls(root / secrets.token_hex(16))

    @classmethod
    def open(cls, root: Path, session_id: str) -> Session:
        """The one with an id.

        Raises:
            FileNotFoundError: there is none.
            ValueError: its file is damaged; names it.
        """
        path = root / session_id / FILE
        if not _ID.fullmatch(session_id) or not path.is_file():
            msg = f"session: expected one of those below {root}, but {brief(session_id)} is not there"
            raise FileNotFoundError(msg)
        found, content = cls(path.parent), read_json(path, "a session")
        try:
            found._fill(content)
        except (KeyError, TypeError, ValueError) as error:
            msg = f"{path}: expected a session of version {VERSION}, but it is damaged: {plain(repr(error))}"
            raise ValueError(msg) from error
        return found

    @property
    def id(self) -> str:
        """By which :meth:`open` finds it."""
        return self.folder.name

    def save(self) -> None:
        """Write all but the pictures, whole or not at all."""
        write_text(self.folder / FILE, json.dumps(self._content()))

    def add_picture(self, image: Image.Image, name: str) -> str:
        """Keep a picture; returns its number.

        Args:
            image: RGB, upright.
            name: a number is appended if there is one of this name.
        """
        number = str(max(map(int, self.pictures), default=0) + 1)
        picture = Picture(self._different(name), (image.height, image.width), f"{number}.png")
        with replacing(self.folder / picture.file) as partial:
            image.save(partial, format="PNG", compress_level=1)
        self.pictures[number] = picture
        self.save()
        return number

    def add_class(self, name: str) -> str:
        """Make sure that there is a class; returns its name without spaces around it.

        Raises:
            ValueError: it is no name.
        """
        name = name.strip()
        if not name or not name.isprintable() or len(name) > 80:
            msg = f"class: expected a name of up to 80 characters, but got {brief(name)}"
            raise ValueError(msg)
        if name not in self.classes:
            self.classes.append(name)
        return name

    def image(self, number: str) -> Image.Image:
        """A picture, RGB."""
        with Image.open(self.folder / self.pictures[number].file) as image:
            return image.convert("RGB")

    def cell(self, number: str, name: str) -> Cell:
        """What there is of a class in a picture; an empty one if there is nothing."""
        return self.cells.get((number, name), Cell())

    def references(self) -> dict[str, list[tuple[str, Marks]]]:
        """Pictures and marks of each class that has some."""
        found: dict[str, list[tuple[str, Marks]]] = {}
        for name in self.classes:
            for number in self.pictures:
                if (marks := self.cell(number, name).marks) is not None:
                    found.setdefault(name, []).append((number, marks))
        return found

    def order(self) -> list[str]:
        """Pictures, those whose masks are least certain first; those without a found mask come last."""
        return sorted(self.pictures, key=lambda number: (self.certainty(number), int(number)))

    def certainty(self, number: str) -> float:
        """The lowest of a picture's masks; 2 if it has only given ones, or none."""
        return min((cell.found.certainty for _, cell in self.of_picture(number) if cell.found), default=2.0)

    def of_picture(self, number: str) -> Iterator[tuple[str, Cell]]:
        """Classes of a picture, with what there is of them."""
        return ((name, self.cells[number, name]) for name in self.classes if (number, name) in self.cells)

    def _different(self, name: str) -> str:
        """A name for messages and files, which no picture has yet."""
        stem, dot, ending = (plain(name.replace("\\", "/").rpartition("/")[2], 120) or "picture").rpartition(".")
        stem, ending = (stem, dot + ending) if stem else (ending, "")
        taken = {picture.name for picture in self.pictures.values()}
        tries = (stem + (f"-{count}" if count > 1 else "") + ending for count in range(1, len(taken) + 2))
        return next(each for each in tries if each not in taken)

    def _content(self) -> dict[str, Any]:
        pictures = {number: vars(picture) for number, picture in self.pictures.items()}
        cells = [
            {"picture": number, "class": name, **_written(cell, self.pictures[number].size)}
            for (number, name), cell in self.cells.items()
        ]
        return {"version": VERSION, "classes": self.classes, "pictures": pictures, "cells": cells}

    def _fill(self, content: Mapping[str, Any]) -> None:
        if content["version"] != VERSION:
            msg = f"version {brief(content['version'])}"
            raise ValueError(msg)
        for number, entry in content["pictures"].items():
            height, width = entry["size"]
            self.pictures[str(int(number))] = Picture(entry["name"], (int(height), int(width)), f"{int(number)}.png")
        self.classes = [str(name) for name in content["classes"]]
        for entry in content["cells"]:
            size = self.pictures[entry["picture"]].size
            self.cells[entry["picture"], entry["class"]] = _read(entry, size)


def _written(cell: Cell, size: tuple[int, int]) -> dict[str, Any]:
    found = cell.found and {
        "runs": {"size": list(size), "counts": cell.found.runs.decode("ascii")},
        "score": cell.found.score,
        "presence": cell.found.presence,
    }
    marks = None if cell.marks is None else cell.marks.entry(size)
    return {"marks": marks, "clicks": cell.clicks.entry(size), "found": found}


def _read(entry: Mapping[str, Any], size: tuple[int, int]) -> Cell:
    found = entry["found"] and FoundMask(
        of_counts(entry["found"]["runs"], *size), entry["found"]["score"], entry["found"]["presence"]
    )
    marks = None if entry["marks"] is None else Marks.read(entry["marks"], size)
    return Cell(marks, Marks.read(entry["clicks"], size), found)
