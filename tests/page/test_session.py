from __future__ import annotations

import json

import numpy as np
import pytest
from PIL import Image

from sansa_lightning.page.marks import Marks
from sansa_lightning.page.session import FILE, Cell, FoundMask, Session

MASK = np.eye(6, 8, dtype=bool)


@pytest.fixture
def session(tmp_path):
    made = Session.new(tmp_path)
    for colour in ("red", "green", "blue"):
        made.add_picture(Image.new("RGB", (8, 6), colour), "folder/a.jpg")
    runs = Marks.of_mask(MASK).runs
    made.add_class(" cat ")
    made.cells["1", "cat"] = Cell(Marks.of_mask(MASK), found=FoundMask(runs))
    made.cells["2", "cat"] = Cell(clicks=Marks(((1, 2, 0),)), found=FoundMask(runs, 0.9, 0.2))
    made.cells["3", "cat"] = Cell(found=FoundMask(runs, 0.4))
    made.save()
    return made


def test_a_session_is_found_again(session, tmp_path):
    again = Session.open(tmp_path, session.id)
    assert (again.pictures, again.classes, again.cells) == (session.pictures, ["cat"], session.cells)
    assert again.image("2").getpixel((0, 0)) == (0, 128, 0)


def test_names_are_different_and_lead_nowhere(session):
    assert [picture.name for picture in session.pictures.values()] == ["a.jpg", "a-2.jpg", "a-3.jpg"]
    number = session.add_picture(Image.new("RGB", (2, 2)), "..\\..\\x")
    assert session.pictures[number].name == "x"


def test_least_certain_first_and_references_last(session):
    assert session.order() == ["2", "3", "1"]
    assert session.references() == {"cat": [("1", Marks.of_mask(MASK))]}


@pytest.mark.parametrize("odd", ["..", "../other", "", "A" * 32, "0" * 32])
def test_other_ids_open_nothing(session, tmp_path, odd):
    with pytest.raises(FileNotFoundError, match="session: expected one"):
        Session.open(tmp_path, odd)


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: content | {"version": 7},
        lambda content: content | {"cells": [{"picture": "9"}]},
        lambda content: content | {"pictures": {"../x": {"name": "a", "size": [6, 8]}}},
        lambda content: {},
    ],
)
def test_a_damaged_file_is_named(session, tmp_path, damage):
    path = session.folder / FILE
    path.write_text(json.dumps(damage(json.loads(path.read_text()))))
    with pytest.raises(ValueError, match=r"session\.json: expected a session of version 1"):
        Session.open(tmp_path, session.id)


def test_a_failed_write_leaves_the_last_state(session, tmp_path):
    session.classes.append(object())  # what JSON cannot hold
    with pytest.raises(TypeError):
        session.save()
    assert Session.open(tmp_path, session.id).classes == ["cat"]


@pytest.mark.parametrize("name", ["", "  ", "a\nb", "x" * 81])
def test_no_name_for_a_class(session, name):
    with pytest.raises(ValueError, match="class: expected a name"):
        session.add_class(name)
