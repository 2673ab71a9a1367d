"""Annotations one at a time; what is left out is tested with the sources."""

from __future__ import annotations

import json

import numpy as np
import pytest

from sansa_lightning.data.formats.annotations.json_file import AnnotationFile
from sansa_lightning.data.formats.annotations.lists import of_file, read_categories, read_pictures
from sansa_lightning.data.formats.annotations.reader import is_crowd, keep_once, usable
from sansa_lightning.data.formats.annotations.run_lengths import decode
from sansa_lightning.data.formats.notes import NoteBook, as_counts


@pytest.mark.parametrize("value", [None, 0, 0.0, False, "0", "0.0", "", " False "])
def test_no_crowd(value):
    assert is_crowd(value) is False


@pytest.mark.parametrize("value", [1, 1.0, True, "1", "1.0", "TRUE"])
def test_crowd(value):
    assert is_crowd(value) is True


@pytest.mark.parametrize("value", [2, -1, "yes", [], {}, float("nan")])
def test_neither(value):
    assert is_crowd(value) is None


def test_the_same_mask_is_kept_once():
    parts, book = [], NoteBook()
    for runs in (b"a", b"b", b"a", b"a"):
        keep_once(parts, runs, "here", book)
    assert parts == [b"a", b"b"]
    assert as_counts(book.notes()) == {"annotations left out as duplicates": 2}


def read(path, annotations, wanted=lambda _: True):
    images = [{"id": 5, "file_name": "a.jpg", "height": 20, "width": 30}]
    path.write_text(
        json.dumps({"images": images, "categories": [{"id": "x", "name": "x"}], "annotations": annotations})
    )
    content, book = AnnotationFile(path, "annotations"), NoteBook()
    pictures, categories = read_pictures(content, of_file, book), read_categories(content, book)
    return list(usable(content, pictures, categories, book, wanted)), book


def test_what_can_be_used(tmp_path):
    good = {"id": 1, "image_id": "5", "category_id": "x", "segmentation": [[2, 3, 9, 3, 9, 8, 2, 8]], "iscrowd": "1"}
    found, book = read(tmp_path / "a.json", [good, {"id": 2}, 7, dict(good, iscrowd=3)])
    (one,) = found
    assert (one.row, one.category, one.crowd, one.where, one.entry) == (0, "x", True, "annotation 1", good)
    mask = np.zeros((20, 30))
    mask[3:8, 2:9] = 1
    np.testing.assert_array_equal(decode(one.runs, 20, 30), mask)
    assert sum(as_counts(book.notes()).values()) == 3


def test_entries_that_are_not_wanted_do_not_count(tmp_path):
    assert read(tmp_path / "a.json", [{"id": 1}, {"id": 2}], lambda entry: entry["id"] == 3)[0] == []


def test_an_entry_needs_no_id_of_its_own(tmp_path):
    entry = {"image_id": 5, "category_id": "x", "segmentation": [[2, 3, 9, 3, 9, 8]]}
    assert read(tmp_path / "a.json", [entry])[0][0].where == "annotations[0]"


def test_none_that_can_be_used(tmp_path):
    message = r"a.json: none of its 2 annotations can be used: 2 annotations left out, whose image is not in the file"
    with pytest.raises(ValueError, match=message):
        read(tmp_path / "a.json", [{"id": 1}, {"id": 2}])
