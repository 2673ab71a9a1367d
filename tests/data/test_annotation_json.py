"""Annotation files whose entries are in order and whose top is not; entries are tested with their sources."""

from __future__ import annotations

import json

import pytest

from sansa_lightning.data.annotation_json import AnnotationFile


@pytest.fixture
def path(tmp_path):
    return tmp_path / "a.json"


def test_short_lists_and_the_long_one(path):
    path.write_text(json.dumps({"images": [{"id": 3}], "annotations": [{"id": 1}, {"id": 2}], "info": 5}))
    content = AnnotationFile(path, "annotations")
    assert content.entries("images", ("id",)) == [{"id": 3}]
    assert list(content.annotations(("id",))) == list(content.annotations(("id",))) == [{"id": 1}, {"id": 2}]


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
    with pytest.raises(ValueError, match=rf"^{path}: expected each key at the top once, but '{key}' is there twice$"):
        AnnotationFile(path, "annotations")


def test_no_list(path):
    path.write_text('{"annotations": {"id": 1}}')
    with pytest.raises(ValueError, match=r"a.json: expected a JSON object with a list 'annotations'"):
        list(AnnotationFile(path, "annotations").annotations(("id",)))


def test_no_file(path):
    with pytest.raises(FileNotFoundError, match=r"a.json is not there; expected annotations$"):
        AnnotationFile(path, "annotations")
