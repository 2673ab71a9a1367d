"""What each thing that a person does on the page calls for; knows Gradio only as the giver of values."""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from PIL import Image

from sansa_lightning.files.messages import counted, one_line
from sansa_lightning.images.pictures import resize_mask
from sansa_lightning.page.desk import Desk
from sansa_lightning.page.drawing import LARGE, SMALL, caption, drawn, shown_size
from sansa_lightning.page.engine import Engine
from sansa_lightning.page.exchange import read_annotations, write_archive
from sansa_lightning.page.marks import Marks
from sansa_lightning.page.samples import Sample
from sansa_lightning.page.session import Session
from sansa_lightning.page.uploads import read_mask, read_upload

ON, BESIDE, BOX = "on the object", "beside it", "box: two corners"
TOOLS = (ON, BESIDE, BOX)
FIRST_CLASS = "object"


class Place(NamedTuple):
    """Where a person is.

    Attributes:
        session: its id.
        number: of the opened picture; "" if there is none.
        name: of the class.
        corner: the first corner of a box, (x, y) in pixels of the picture; None if none waits.
    """

    session: str
    number: str = ""
    name: str = FIRST_CLASS
    corner: tuple[float, float] | None = None


class Page:
    """Sessions and the engine that works for them.

    Args:
        root: folder of the sessions.
        engine: of all sessions.
        begin: gives the pictures of a new session.
    """

    def __init__(self, root: Path, engine: Engine, begin: Callable[[], Iterable[Sample]]) -> None:
        self.root, self.engine, self.begin = root, engine, begin
        self._desks: dict[str, Desk] = {}
        self._lock = threading.Lock()
        self._thumbnails: dict[tuple[str, str], tuple[Any, Image.Image]] = {}

    def enter(self, session_id: str) -> Place:
        """The session that a browser remembers, or a new one."""
        try:
            session = self.desk(session_id).session
        except (FileNotFoundError, ValueError):
            session = self._begun()
        name = session.classes[0] if session.classes else FIRST_CLASS
        return Place(session.id, next(iter(session.pictures), ""), name)

    def _begun(self) -> Session:
        session = Session.new(self.root)
        session.save()
        desk = self._desks[session.id] = Desk(session, self.engine)
        for sample in self.begin():
            number = session.add_picture(sample.image, sample.name)
            if sample.mask is not None:
                desk.mark(number, sample.label, Marks.of_mask(sample.mask))
        return session

    def desk(self, session_id: str) -> Desk:
        """The desk of a session.

        Raises:
            FileNotFoundError: there is none of this id.
            ValueError: its file is damaged.
        """
        with self._lock:
            if session_id not in self._desks:
                self._desks[session_id] = Desk(Session.open(self.root, session_id), self.engine)
            return self._desks[session_id]

    def upload(self, place: Place, files: Iterable[str]) -> tuple[Place, str]:
        """Add pictures; opens the first of them."""
        desk, told, added = self.desk(place.session), [], []
        for file in files:
            try:
                image, remark = read_upload(Path(file))
            except (ValueError, OSError) as error:
                told.append(one_line(error))
                continue
            added.append(desk.session.add_picture(image, Path(file).name))
            told += [remark] if remark else []
        opened = place._replace(number=added[0], corner=None) if added else place
        return opened, _lines([f"{counted(len(added), 'picture')} added", *told])

    def click(self, place: Place, tool: str, at: tuple[float, float]) -> tuple[Place, str]:
        """A click on the opened picture, at (x, y) of what is shown."""
        desk, (x, y) = self._opened(place), self._point(place, at)
        cell = desk.session.cell(place.number, place.name)
        if tool == BOX:
            if place.corner is None:
                return place._replace(corner=(x, y)), "now the opposite corner"
            marks = (cell.marks or Marks()).with_box(place.corner, (x, y))
            desk.mark(place.number, place.name, marks)
            return place._replace(corner=None), _marked(place)
        click = (x, y, int(tool == ON))
        if cell.marks is None and cell.found is not None:
            desk.correct(place.number, place.name, click)
            return place._replace(corner=None), f"corrected; “{REFERENCE}” lets the other pictures learn from it"
        desk.mark(place.number, place.name, (cell.marks or Marks()).with_click(click))
        return place._replace(corner=None), _marked(place)

    def mask_file(self, place: Place, file: str) -> tuple[Place, str]:
        """A mask file for the opened picture."""
        desk = self._opened(place)
        mask = read_mask(Path(file), desk.session.pictures[place.number].size)
        desk.mark(place.number, place.name, Marks.of_mask(mask))
        return place, _marked(place)

    def brush(self, place: Place, layers: Iterable[Any]) -> tuple[Place, str]:
        """What was painted on the opened picture: layers, uint8 [h, w, 4], opaque where there is paint."""
        desk = self._opened(place)
        painted = [np.asarray(layer)[..., 3] > 0 for layer in layers if layer is not None]
        if not painted:
            msg = "brush: expected a painted object, but nothing is painted"
            raise ValueError(msg)
        mask = np.logical_or.reduce(painted).astype(np.uint8)
        full = resize_mask(mask, desk.session.pictures[place.number].size).numpy() == 1
        desk.mark(place.number, place.name, Marks.of_mask(full))
        return place, _marked(place)

    def undo(self, place: Place) -> tuple[Place, str]:
        """Take back the last click, or a waiting corner."""
        if place.corner is None:
            self._opened(place).undo(place.number, place.name)
        return place._replace(corner=None), "taken back"

    def clear(self, place: Place) -> tuple[Place, str]:
        """Forget marks, clicks and mask of the class in the opened picture."""
        self._opened(place).clear(place.number, place.name)
        return place._replace(corner=None), "cleared"

    def run(self, place: Place) -> Iterator[tuple[Place, str]]:
        """Find the classes in all pictures, one after the other."""
        desk = self.desk(place.session)
        done = 0
        for number in desk.run():
            done += 1
            yield place, f"{desk.session.pictures[number].name}: done"
        told = f"{counted(done, 'picture')} done; least certain first" if done else "no other pictures here: add some"
        yield place, told

    def promote(self, place: Place) -> Iterator[tuple[Place, str]]:
        """Make the opened target a reference, and look again."""
        self._opened(place).promote(place.number, place.name)
        yield from self.run(place)

    def export(self, place: Place, folder: Path) -> str:
        """An archive of the masks; returns its path, below a new folder in ``folder``."""
        path = Path(tempfile.mkdtemp(dir=folder)) / "masks.zip"
        write_archive(self.desk(place.session).session, path)
        return str(path)

    def bring_in(self, place: Place, file: str) -> tuple[Place, str]:
        """Masks from a file."""
        session = self.desk(place.session).session
        told = read_annotations(session, Path(file))
        name = place.name if place.name in session.classes else session.classes[0]
        return place._replace(name=name), _lines(told)

    def gallery(self, place: Place) -> list[tuple[Image.Image, str]]:
        """Small pictures with their captions, least certain first; only those that have changed are drawn."""
        session = self.desk(place.session).session
        return [(self._small(session, number), caption(session, number)) for number in session.order()]

    def opened(self, place: Place) -> Image.Image | None:
        """The opened picture, with masks and marks of the class."""
        session = self.desk(place.session).session
        return drawn(session, place.number, LARGE, place.name) if place.number in session.pictures else None

    def bare(self, place: Place) -> Image.Image | None:
        """The opened picture as it is, to paint on."""
        session = self.desk(place.session).session
        if place.number not in session.pictures:
            return None
        return session.image(place.number).resize(shown_size(session.pictures[place.number].size, LARGE))

    def _small(self, session: Session, number: str) -> Image.Image:
        seen = tuple((name, cell.found and cell.found.runs) for name, cell in session.of_picture(number))
        before = self._thumbnails.get((session.id, number))
        if before is None or before[0] != seen:
            before = self._thumbnails[session.id, number] = (seen, drawn(session, number, SMALL))
        return before[1]

    def _opened(self, place: Place) -> Desk:
        """The desk of a session, with a picture opened.

        Raises:
            ValueError: none is.
        """
        desk = self.desk(place.session)
        if place.number not in desk.session.pictures:
            msg = "picture: expected an opened one; add pictures, or choose one in the gallery"
            raise ValueError(msg)
        return desk

    def _point(self, place: Place, at: tuple[float, float]) -> tuple[float, float]:
        """From pixels of what is shown to those of the picture."""
        height, width = self.desk(place.session).session.pictures[place.number].size
        shown_width, shown_height = shown_size((height, width), LARGE)
        return (at[0] + 0.5) * width / shown_width, (at[1] + 0.5) * height / shown_height


REFERENCE = "Make it a reference"


def _marked(place: Place) -> str:
    return f"a reference of “{place.name}”; mark more, or find it in the rest"


def _lines(told: Iterable[str]) -> str:
    return "  \n".join(told)
