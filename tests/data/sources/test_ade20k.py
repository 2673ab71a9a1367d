"""The source ``Ade20k`` beyond the contract: the index file, names, values that are no class."""

from __future__ import annotations

import json
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fakes.ade20k import write_ade20k
from sansa_lightning.data.formats import class_index
from sansa_lightning.data.formats.index_cache import CACHE_VARIABLE
from sansa_lightning.data.sources.ade20k import Ade20k


@pytest.fixture
def root(tmp_path):
    return write_ade20k(tmp_path / "ADEChallengeData2016").root


@pytest.fixture
def cache(tmp_path, monkeypatch) -> Path:
    """An empty cache folder that short lists are kept in as well."""
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path / "cache"))
    monkeypatch.setattr(class_index, "LEAST_FILES", 0)
    return tmp_path / "cache" / "indices"


def kept(cache: Path) -> Path:
    """The one index."""
    (path,) = cache.glob("labels-v*.json")
    return path


@pytest.fixture
def read(monkeypatch):
    """Names of the label maps that were read to build an index."""
    names = []
    original = class_index.read_labels
    monkeypatch.setattr(class_index, "read_labels", lambda path: (names.append(path.name), original(path))[1])
    return names


def files_below(folder: Path) -> set[Path]:
    return {path for path in folder.rglob("*") if path.is_file()}


def test_index_is_built_once(root, read, cache):
    before = files_below(root)
    first = Ade20k(root)
    images = [first.images(c, "val") for c in range(150)]
    assert len(read) == 6
    second = Ade20k(root)
    assert [second.images(c, "val") for c in range(150)] == images
    assert len(read) == 6
    assert files_below(root) == before
    assert kept(cache).is_file()


def test_each_folder_has_its_own_index(root, read, cache, tmp_path):
    other = write_ade20k(tmp_path / "other").root
    for _ in range(2):
        for each in (root, other):
            for split in ("train", "val"):
                Ade20k(each).classes(split)
    assert len(read) == 4 * 6
    assert len(list(cache.glob("labels-v*.json"))) == 4


def test_one_process_reads_and_others_wait(root, read, cache, monkeypatch):
    """Whoever has waited for the lock finds what the first one made."""

    @contextmanager
    def after_another(path):
        monkeypatch.setattr(class_index, "alone", alone)
        Ade20k(root).classes("val")
        yield

    alone = class_index.alone
    monkeypatch.setattr(class_index, "alone", after_another)
    assert Ade20k(root).images(3, "val")
    assert len(read) == 6


def test_few_label_maps_are_read_each_time(root, read, tmp_path, monkeypatch):
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path / "cache"))
    assert Ade20k(root).images(3, "val") == Ade20k(root).images(3, "val")
    assert len(read) == 12
    assert not (tmp_path / "cache").exists()


def test_index_follows_the_files(root, read, cache):
    before = Ade20k(root).images(3, "val")
    path = root / "annotations" / "validation" / "ADE_val_00000001.png"
    Image.fromarray(np.zeros((32, 35), np.uint8)).save(path)
    assert list(Ade20k(root).images(3, "val")) == [key for key in before if key != "val/ADE_val_00000001"]
    assert len(read) == 12


@pytest.mark.parametrize("content", ["", "[]", '{"version": 1}', "\x00"])
def test_a_broken_index_is_built_anew(root, cache, content):
    expected = Ade20k(root).images(3, "val")
    kept(cache).write_text(content)
    assert expected == Ade20k(root).images(3, "val")
    assert json.loads(kept(cache).read_text())["shown"]


def test_an_index_with_a_changed_number_is_built_anew(root, read, cache):
    expected = [Ade20k(root).images(c, "val") for c in range(150)]
    content = json.loads(kept(cache).read_text())
    content["shown"][0][-1][0] += 1
    kept(cache).write_text(json.dumps(content))
    assert [Ade20k(root).images(c, "val") for c in range(150)] == expected
    assert len(read) == 12


def test_an_index_that_cannot_be_kept(root, cache, monkeypatch):
    def refuse(path, text):
        raise PermissionError(path)

    monkeypatch.setattr(class_index, "write_text", refuse)
    with pytest.warns(UserWarning, match=r"will be built again each time, since .*labels-v\d+-\w+.json cannot be"):
        assert Ade20k(root).images(3, "val")


def test_no_cache_folder(root, cache, monkeypatch):
    def homeless():
        raise OSError("no home; set SANSA_CACHE")

    monkeypatch.setattr(class_index, "cache_folder", homeless)
    with pytest.warns(
        UserWarning, match=r"validation are read again each time, since there is no cache folder: no home"
    ):
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
