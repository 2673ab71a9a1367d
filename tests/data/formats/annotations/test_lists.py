"""The short lists: images by id and by picture, categories in the order of their ids; the rest is tested with Coco."""

from __future__ import annotations

import json

import pytest

from sansa_lightning.data.formats.annotations.json_file import AnnotationFile
from sansa_lightning.data.formats.annotations.lists import numbered, of_coco, of_file, read_categories, read_pictures
from sansa_lightning.data.formats.notes import NoteBook, as_counts


def read(path, images=(), categories=()):
    path.write_text(json.dumps({"images": list(images), "categories": list(categories), "annotations": []}))
    return AnnotationFile(path, "annotations"), NoteBook()


def image(number, file, **other):
    return {"id": number, "file_name": file, "height": 4, "width": 6, **other}


def test_images(tmp_path):
    entries = [image("b", "b.jpg"), image(7.0, "x\\c.jpg"), image("9", "./b.jpg"), image(8, "x/c.jpg"), None]
    content, book = read(tmp_path / "a.json", entries)
    found = read_pictures(content, of_file, book)
    assert (found.files, found.sizes) == (["b.jpg", "x\\c.jpg"], [(4, 6)] * 2)
    assert (found.ids, found.rows) == (["b", 7.0], {"b": 0, 7: 1, 9: 0, 8: 1})
    assert sorted(as_counts(book.notes()).values()) == [1, 1, 2]


def test_every_contradiction_counts(tmp_path):
    entries = [image(1, "a.jpg"), image(1, "b.jpg"), image(2, "a.jpg", width=7), image("1", "c.jpg")]
    content, book = read(tmp_path / "a.json", entries)
    message = r"a.json: expected one picture per id, of one size, but image 1 is 'a.jpg' and 'b.jpg'; 3 are like this$"
    with pytest.raises(ValueError, match=message):
        read_pictures(content, of_file, book)


def test_names_of_coco(tmp_path):
    assert of_coco("here", {"coco_url": "http://x/train2017/1.jpg", "file_name": "2.jpg"}) == "train2017/1.jpg"
    assert of_coco("here", {"coco_url": None, "file_name": "val2017/2.jpg"}) == "val2017/2.jpg"
    assert of_coco("here", {}) is None


def test_categories(tmp_path):
    entries = [{"id": "10", "name": "ten"}, {"id": "x", "name": 5}, {"id": 9.0, "name": "nine"}, {"id": 3}]
    content, book = read(tmp_path / "a.json", categories=entries)
    found = read_categories(content, book)
    assert found.names == {3: "category 3", 9: "nine", 10: "ten", "x": "5"}
    assert list(found.names) == [3, 9, 10, "x"]
    assert found.ids == (3, 9.0, "10", "x")
    with pytest.raises(ValueError, match=r"a.json: expected ids of categories to be numbers, but got 'x'; 1 are none$"):
        numbered(content.path, found)


def test_two_names_of_one_category(tmp_path):
    content, book = read(tmp_path / "a.json", categories=[{"id": 1, "name": "a"}, {"id": "1", "name": "b"}])
    with pytest.raises(
        ValueError, match=r"a.json: expected one name per category, but '1' is 'a' and 'b'; 1 are like thi"
    ):
        read_categories(content, book)
