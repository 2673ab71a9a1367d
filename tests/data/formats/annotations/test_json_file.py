"""Annotation files whose entries are in order and whose top is not; entries are tested with their sources."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sansa_lightning.data.formats.annotations.json_file import AnnotationFile, entries, read_json


@pytest.fixture
def path(tmp_path):
    return tmp_path / "a.json"


def test_short_lists_and_the_long_one(path):
    path.write_text(json.dumps({"images": [{"id": 3}, None], "annotations": [{"id": 1}, 2], "info": 5}))
    content = AnnotationFile(path, "annotations")
    assert content.listed("images") == [{"id": 3}, None]
    assert list(content.annotations()) == list(content.annotations()) == [{"id": 1}, 2]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-32"])
def test_encodings(path, encoding):
    """As PowerShell and Windows' editors save it, with a byte order mark or two bytes a character."""
    tree = {"images": [{"id": "k\u00e4fer"}], "annotations": [{"id": 1}]}
    path.write_text(json.dumps(tree, ensure_ascii=False), encoding=encoding)
    content = AnnotationFile(path, "annotations")
    assert content.listed("images") == tree["images"]
    assert list(content.annotations()) == tree["annotations"]
    assert read_json(path, "annotations") == tree


def test_entries_name_the_first_that_lacks_something_and_how_many_do():
    found = [{"a": 1, "b": 2}, {"a": 1}, 5]
    assert entries(Path("f"), {"x": found[:1]}, "x", ("a", "b")) == found[:1]
    with pytest.raises(ValueError, match=r"^f: x\[1\] has no b; 2 of 3 lack something$"):
        entries(Path("f"), {"x": found}, "x", ("a", "b"))


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ('{"annotations": [{"id": 1}], "images": [], "annotations": [{"id": 2}]}', "annotations"),
        ('{"annotations": [{"id": 1}], "annotations": 5}', "annotations"),
        ('{"annotations": 5, "annotations": [{"id": 1}]}', "annotations"),
        ('{"images": [], "annotations": [], "images": [{"id": 1}]}', "images"),
    ],
)
def test_a_key_that_is_there_twice(path, text, key):
    """``json`` would take the last one, and whoever reads from the front the first."""
    path.write_text(text)
    with pytest.raises(ValueError, match=rf"^{path}: expected each key at the top once, but '{key}' occurs twice$"):
        AnnotationFile(path, "annotations")


def test_no_list(path):
    path.write_text('{"annotations": {"id": 1}}')
    with pytest.raises(ValueError, match=r"a.json: expected a JSON object with a list 'annotations'"):
        list(AnnotationFile(path, "annotations").annotations())


def test_no_file(path):
    with pytest.raises(FileNotFoundError, match=r"a.json is not there; expected annotations$"):
        AnnotationFile(path, "annotations")
