"""What a person does in a session: marks, looks for the rest, corrects, promotes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from torch import Tensor

from sansa_lightning.annotate.application import Answered, Application
from sansa_lightning.annotate.found import masks_of
from sansa_lightning.data.formats.annotations.run_lengths import of_array
from sansa_lightning.page.engine import Engine, View
from sansa_lightning.page.marks import Click, Marks, mask_of_runs
from sansa_lightning.page.session import Cell, FoundMask, Session


class Desk:
    """A session and the model that works for it; each step is saved.

    Args:
        session: of one person.
        engine: of all of them.
    """

    def __init__(self, session: Session, engine: Engine) -> None:
        self.session, self.engine = session, engine

    def mark(self, number: str, name: str, marks: Marks) -> None:
        """Make a picture a reference of a class, with the mask that the marks give.

        Args:
            number: of the picture.
            name: of the class; a new one is added.
            marks: replace those that it had.

        Raises:
            ValueError: the marks do not say where the object is, or it is no name.
        """
        logits = self.engine.shown(self._view(number), marks)
        found = FoundMask(marks.runs or self._runs(number, logits))
        name = self.session.add_class(name)
        self.session.cells[number, name] = Cell(marks, found=found)
        self.session.save()

    def clear(self, number: str, name: str) -> None:
        """Forget what there is of a class in a picture; it becomes a target."""
        self.session.cells.pop((number, name), None)
        self.session.save()

    def run(self) -> Iterator[str]:
        """Look for all classes in all pictures that are no references of them; yields the number of each when done.

        Raises:
            ValueError: nothing is marked.
        """
        apply = self._apply()
        for number in list(self.session.pictures):
            wanted = [name for name in apply.memories.names if self.session.cell(number, name).marks is None]
            if wanted:
                self._find(apply, number, wanted)
                yield number

    def correct(self, number: str, name: str, click: Click) -> None:
        """A click on a target; its mask follows, the other pictures stay.

        Raises:
            ValueError: the class was not looked for in this picture, or the method takes no clicks.
        """
        cell = self.session.cell(number, name)
        if cell.found is None or cell.marks is not None:
            msg = f"click: expected a mask of {name!r} that was found here; mark one picture and run first"
            raise ValueError(msg)
        self._recorrect(number, name, cell, cell.clicks.with_click(click))

    def undo(self, number: str, name: str) -> None:
        """Take the last click back, of a reference or of a correction."""
        cell = self.session.cell(number, name)
        if cell.marks is not None and cell.marks.clicks:
            left = replace(cell.marks, clicks=cell.marks.clicks[:-1])
            if left == Marks():
                self.clear(number, name)
            else:
                self.mark(number, name, left)
        elif cell.clicks.clicks:
            self._recorrect(number, name, cell, Marks(cell.clicks.clicks[:-1]))

    def promote(self, number: str, name: str) -> None:
        """Make a target a reference: the mask that it has, corrected or not, is given from now on.

        Raises:
            ValueError: it has no mask of this class.
        """
        cell = self.session.cell(number, name)
        if cell.found is None or cell.marks is not None:
            msg = f"reference: expected a mask of {name!r} that was found in this picture"
            raise ValueError(msg)
        marks = Marks.of_mask(mask_of_runs(cell.found.runs, self.session.pictures[number].size))
        self.session.cells[number, name] = Cell(marks, found=FoundMask(cell.found.runs))
        self.session.save()

    def _apply(self) -> Application:
        references = self.session.references()
        if not references:
            msg = "run: expected a picture with a marked object; click on the object in one of them"
            raise ValueError(msg)
        views = {name: [(self._view(number), marks) for number, marks in own] for name, own in references.items()}
        return self.engine.remember(views)

    def _recorrect(self, number: str, name: str, cell: Cell, clicks: Marks) -> None:
        apply = self._apply()
        if name not in apply.memories.names:
            msg = f"click: expected a picture with a marked object of {name!r}; mark one first"
            raise ValueError(msg)
        self.engine.check_clicks()
        self.session.cells[number, name] = replace(cell, clicks=clicks)
        self._find(apply, number, [name])

    def _find(self, apply: Application, number: str, wanted: list[str]) -> None:
        """Find the masks of some classes; those with clicks are corrected by them."""
        view, names = self._view(number), apply.memories.names
        cells = {name: self.session.cell(number, name) for name in wanted}
        plain = any(not cell.clicks.clicks for cell in cells.values())
        answered = self.engine.find(apply, view) if plain else None
        for name, cell in cells.items():
            place = names.index(name)
            if cell.clicks.clicks or answered is None:
                found = self._found(number, self.engine.correct(apply, place, view, cell.clicks), 0)
            else:
                found = self._found(number, answered, place)
            self.session.cells[number, name] = replace(cell, found=found)
        self.session.save()

    def _found(self, number: str, answered: Answered, place: int) -> FoundMask:
        presence = None if answered.presence is None else float(answered.presence[place])
        return FoundMask(self._runs(number, answered.logits[place]), float(answered.iou[place]), presence)

    def _runs(self, number: str, logits: Tensor) -> bytes:
        """Run lengths, at the size of the picture, of where logits are above 0."""
        size = self.session.pictures[number].size
        return of_array(masks_of(logits[None], size, "keep", [True])[0], *size)

    def _view(self, number: str) -> View:
        session = self.session
        return View(f"{session.id}/{number}", session.pictures[number].size, lambda: session.image(number))
