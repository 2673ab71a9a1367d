"""The source ``Ade20k`` beyond the contract: the index file, names, values that are no class."""

from __future__ import annotations

import json

import numpy as np
import pytest
from PIL import Image

from fakes.ade20k import write_ade20k
from sansa_lightning.data import class_index
from sansa_lightning.data.sources.ade20k import Ade20k


@pytest.fixture
def root(tmp_path):
    return write_ade20k(tmp_path / "ADEChallengeData2016").root


@pytest.fixture
def read(monkeypatch):
    """Names of the label maps that were read to build an index."""
    names = []
    original = class_index.read_labels
    monkeypatch.setattr(class_index, "read_labels", lambda path: (names.append(path.name), original(path))[1])
    return names


def test_index_is_built_once(root, read):
    first = Ade20k(root)
    images = [first.images(c, "val") for c in range(150)]
    assert len(read) == 6
    second = Ade20k(root)
    assert [second.images(c, "val") for c in range(150)] == images
    assert len(read) == 6
    assert {path.name for path in root.glob("class_index*")} == {"class_index_val.json"}


def test_index_follows_the_files(root, read):
    before = Ade20k(root).images(3, "val")
    path = root / "annotations" / "validation" / "ADE_val_00000001.png"
    Image.fromarray(np.zeros((32, 35), np.uint8)).save(path)
    assert list(Ade20k(root).images(3, "val")) == [key for key in before if key != "val/ADE_val_00000001"]
    assert len(read) == 12


@pytest.mark.parametrize("content", ["", "[]", '{"version": 1}', "\x00"])
def test_a_broken_index_is_built_anew(root, content):
    expected = Ade20k(root).images(3, "val")
    (root / "class_index_val.json").write_text(content)
    assert expected == Ade20k(root).images(3, "val")
    assert json.loads((root / "class_index_val.json").read_text())["shown"]


def test_an_index_with_a_changed_number_is_built_anew(root, read):
    expected = [Ade20k(root).images(c, "val") for c in range(150)]
    content = json.loads((root / "class_index_val.json").read_text())
    content["shown"][0][-1] += 1
    (root / "class_index_val.json").write_text(json.dumps(content))
    assert [Ade20k(root).images(c, "val") for c in range(150)] == expected
    assert len(read) == 12


def test_an_index_that_cannot_be_kept(root, monkeypatch):
    def refuse(path, text):
        raise PermissionError(path)

    monkeypatch.setattr(class_index, "write_text", refuse)
    with pytest.warns(UserWarning, match=r"will be built anew each time, since .*class_index_val.json cannot be"):
        assert Ade20k(root).images(3, "val")


def test_zero_and_255_are_background(root):
    with Image.open(root / "annotations" / "validation" / "ADE_val_00000003.png") as labels:
        assert set(np.unique(labels)) == {0, 4, 255}
    source = Ade20k(root)
    assert set(np.unique(source.load("val/ADE_val_00000003", 3)[1])) == {0, 1}
    assert not source.load("val/ADE_val_00000003", 0)[1].any()


def test_an_image_without_a_class_is_none(root):
    with pytest.raises(KeyError, match=r"unknown image 'val/ADE_val_00000005'"):
        Ade20k(root).load("val/ADE_val_00000005", 0)


def test_all_150_classes_in_both_splits(root):
    source = Ade20k(root)
    assert source.classes("train") == source.classes("val") == tuple(range(150))
    assert source.images(100, "val") == ()


def test_names(root):
    assert Ade20k(root).class_name(149) == "name 149"
    (root / "objectInfo150.txt").unlink()
    (root / "utils").mkdir()
    (root / "utils" / "ade20k_classes.json").write_text(json.dumps([f"other {c}" for c in range(150)]))
    assert Ade20k(root).class_name(149) == "other 149"


class TestMistakes:
    def test_no_names(self, root):
        (root / "objectInfo150.txt").unlink()
        with pytest.raises(FileNotFoundError, match=r"has no objectInfo150.txt or utils/ade20k_classes.json; expected"):
            Ade20k(root).class_name(0)

    def test_too_few_names(self, root):
        (root / "objectInfo150.txt").write_text("Idx\tRatio\tTrain\tVal\tName\n1\t0.2\t9\t9\twall\n")
        with pytest.raises(ValueError, match=r"objectInfo150.txt: expected 150 class names, but got 1"):
            Ade20k(root).class_name(0)

    @pytest.mark.parametrize("row", ["8\t0.01\t9\t9\tname 8", "7\tname 7", "7\t0.01\t9\t9\t", "7"])
    def test_a_row_of_something_else(self, root, row):
        lines = (root / "objectInfo150.txt").read_text().splitlines()
        (root / "objectInfo150.txt").write_text("\n".join([*lines[:7], row, *lines[8:]]))
        with pytest.raises(ValueError, match=r"150.txt, row 7: expected 7, ratio, counts and name, but got '"):
            Ade20k(root).class_name(0)

    @pytest.mark.parametrize(
        ("text", "message"), [("{", "is not valid JSON"), ("[1, 2]", "expected a JSON list of names")]
    )
    def test_broken_names(self, root, text, message):
        (root / "objectInfo150.txt").unlink()
        (root / "utils").mkdir()
        (root / "utils" / "ade20k_classes.json").write_text(text)
        with pytest.raises(ValueError, match=rf"ade20k_classes.json:? {message}"):
            Ade20k(root).class_name(0)

    def test_no_annotations(self, root):
        (root / "annotations" / "validation").rename(root / "elsewhere")
        with pytest.raises(
            FileNotFoundError, match=r"annotations/validation is not there; expected a folder with .png"
        ):
            Ade20k(root).classes("val")

    def test_broken_label_map(self, root):
        path = root / "annotations" / "validation" / "ADE_val_00000002.png"
        path.write_bytes(path.read_bytes()[:70])
        with pytest.raises(ValueError, match=r"ADE_val_00000002.png cannot be decoded as an image"):
            Ade20k(root).classes("val")
