"""Names of pictures: harmless, and found below a folder however they are written."""

from __future__ import annotations

from pathlib import Path

import pytest

from sansa_lightning.data.formats.picture_files import as_written, below, ending, listed, located, picture_size


@pytest.mark.parametrize(
    ("name", "parts", "expected"),
    [
        ("a/b.jpg", None, "a/b.jpg"),
        ("http://x.org/train2017/1.jpg", 2, "train2017/1.jpg"),
        ("/abs/val2017/1.jpg", 2, "val2017/1.jpg"),
    ],
)
def test_names(name, parts, expected):
    assert below("here", name, parts) == expected


@pytest.mark.parametrize(
    ("name", "parts"),
    [("/a", None), ("a/../b", None), ("", None), (None, None), ("b.jpg", 2), ("../b.jpg", 2), (3, 1)]
    + [(name, None) for name in ("a\nb", "a\x00b", "a\ud800", "a/" + "b" * 256)],
)
def test_names_that_lead_elsewhere(name, parts):
    with pytest.raises(ValueError, match=r"here: expected the name of a picture in .* parts?, but got"):
        below("here", name, parts)


def test_sizes(tmp_path):
    from PIL import Image

    path = tmp_path / "a.png"
    Image.new("L", (7, 9)).save(path)
    assert picture_size(path) == (9, 7)
    with pytest.raises(FileNotFoundError, match=r"b.png is not there"):
        picture_size(tmp_path / "b.png")
    path.write_bytes(b"x")
    with pytest.raises(ValueError, match=r"a.png cannot be decoded as an image"):
        picture_size(path)


@pytest.mark.parametrize(
    "name",
    [
        "train2017/1.jpg",
        "train2017\\1.jpg",
        "/a/train2017/1.jpg",
        "D:\\a\\train2017\\1.jpg",
        "http://x/train2017/1.jpg",
    ],
)
def test_endings(name):
    assert ending("here", name) == "train2017/1.jpg"


@pytest.mark.parametrize("name", [None, 5, "", "a\nb", ["a"]])
def test_no_names(name):
    assert ending("here", name) is None
    assert as_written("here", name) is None


@pytest.mark.parametrize("name", ["1.jpg", "../1.jpg", "a\\..\\1.jpg", "/1.jpg"])
def test_endings_that_lead_elsewhere(name):
    with pytest.raises(ValueError, match=r"^here: expected the name of a picture in 2 parts, but got"):
        ending("here", name)


@pytest.mark.parametrize(
    ("name", "expected"),
    [("1.jpg", "1.jpg"), ("a/b\\1.jpg", "a/b/1.jpg"), ("/x/y/a/1.jpg", "a/1.jpg"), ("C:\\x\\a\\1.jpg", "a/1.jpg")],
)
def test_names_in_lists(name, expected):
    assert listed("here", name) == expected


@pytest.mark.parametrize("name", ["..\\1.jpg", "a/../1.jpg", 5, None, "/1.jpg"])
def test_names_in_lists_that_are_none(name):
    with pytest.raises(ValueError, match=r"^here: expected the name of a picture in"):
        listed("here", name)


@pytest.mark.parametrize("name", ["a/1.jpg", "a\\1.jpg", "/a/1.jpg", "C:\\a\\1.jpg"])
def test_as_written(name):
    assert as_written("here", name) == name


def test_as_written_in_one_form():
    assert as_written("here", "./a//1.jpg") == "a/1.jpg"


@pytest.mark.parametrize("name", ["../1.jpg", "a\\..\\..\\1.jpg", "/a/../../1.jpg"])
def test_as_written_upwards(name):
    with pytest.raises(ValueError, match=r"^here: expected the name of a picture below a folder, but got"):
        as_written("here", name)


def test_located(tmp_path):
    plain = ["a/1.jpg", "2.jpg"]
    assert located("f", plain, Path("nowhere")) is plain
    (tmp_path / "x\\3.jpg").touch()
    names = ["a/1.jpg", f"{tmp_path}/b/2.jpg", "x\\3.jpg", "x\\4.jpg"]
    assert located("f", names, tmp_path) == ["a/1.jpg", "b/2.jpg", "x\\3.jpg", "x/4.jpg"]


def test_located_from_the_working_directory(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert located("f", [f"{tmp_path}/img/1.jpg"], Path("img")) == ["1.jpg"]


@pytest.mark.parametrize("name", ["/elsewhere/1.jpg", "C:\\img\\1.jpg", "\\\\server\\img\\1.jpg", "{}x/1.jpg"])
def test_located_elsewhere(tmp_path, name):
    names = ["a.jpg", name.format(tmp_path), name.format(tmp_path)]
    with pytest.raises(
        ValueError, match=r"^f: expected names of pictures below .*, but 2 of 3 are absolute and lead el"
    ):
        located("f", names, tmp_path)


def test_located_twice(tmp_path):
    names = ["1.jpg", f"{tmp_path}/1.jpg", "2.jpg"]
    with pytest.raises(ValueError, match=r"^f: expected each picture once, but 1 have several names: '1.jpg'$"):
        located("f", names, tmp_path)
