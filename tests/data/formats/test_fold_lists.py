"""Lists in text files: both forms, any prefix, and what is refused."""

from __future__ import annotations

import pytest

from sansa_lightning.data.formats.fold_lists import AGAIN, Folders, read_fold
from sansa_lightning.data.formats.notes import Note, NoteBook

FOLDERS = Folders("train2014", "annotations/train2014")


def fold(folder, lines, content, notes=None):
    images, classes = folder / "data_list_0.txt", folder / "sub_class_file_list_0.txt"
    images.write_text("\n".join(lines))
    classes.write_text(content if isinstance(content, str) else str(content))
    return read_fold(images, classes, FOLDERS, [0, 4], notes or NoteBook())


def pair(stem, prefix="../data/MSCOCO2014/"):
    return (f"{prefix}train2014/{stem}.jpg", f"{prefix}annotations/train2014/{stem}.png")


def test_stems(tmp_path):
    found = fold(tmp_path, ["b_1", "a-2", "", "c"], {5: ["c", "b_1"], 1: ["a-2", "b_1"]})
    assert found.images == ("b_1", "a-2", "c")
    assert found.classes == {0: ("a-2", "b_1"), 4: ("c", "b_1")}
    assert list(found.classes) == [0, 4]


@pytest.mark.parametrize("prefix", ["../data/MSCOCO2014/", "/somebody/coco/", "", "..\\data\\"])
def test_pairs_with_any_prefix(tmp_path, prefix):
    listed = [pair("b", prefix), pair("a", prefix)]
    found = fold(tmp_path, [" ".join(each) for each in listed], {1: listed, 5: [list(listed[1])]})
    assert found.images == ("b", "a")
    assert found.classes == {0: ("b", "a"), 4: ("a",)}


def test_entries_that_are_listed_again_are_left_out_and_counted(tmp_path):
    notes = NoteBook()
    found = fold(tmp_path, ["b", "a", "b", "b"], {1: ["a", "b", "a"], 5: ["b"]}, notes)
    assert found.images == ("b", "a")
    assert found.classes == {0: ("a", "b"), 4: ("b",)}
    assert notes.notes() == (Note(AGAIN, 3, f"{tmp_path / 'data_list_0.txt'}: b"),)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (
            "a b c",
            r"line 2: expected the name of an image, or an image in train2014 and its mask in annotations/train2",
        ),
        ("../x/val2014/a.jpg ../x/annotations/val2014/a.png", r"line 2: expected the name of an image, or an image in"),
        (" ".join((pair("a")[0], pair("c")[1])), r"line 2: expected the name of an image"),
        ("../../etc/passwd", r"line 2: expected the name of an image"),
        ("a.exe", r"line 2: expected the name of an image"),
        (
            "d",
            r"data_list_0.txt lists 'd', and 0 more, that sub_class_file_list_0.txt does not; expected the two files",
        ),
    ],
)
def test_lines(tmp_path, line, message):
    with pytest.raises(ValueError, match=message):
        fold(tmp_path, ["b", line], {1: ["b"]})


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({2: ["b"]}, r"expected lists of images of the classes 1, 5, counted from 1, but got \{2: \['b'\]\}"),
        ({"1": ["b"]}, r"expected lists of images of the classes 1, 5"),
        ({True: ["b"]}, r"expected lists of images of the classes 1, 5"),
        ({1: "b"}, r"expected lists of images of the classes 1, 5"),
        ({1: ["b", 7]}, r"class 1: expected the name of an image, .* but got '7'"),
        ({1: ["b", ()]}, r"class 1: expected the name of an image"),
        ({1: ["b", "e"]}, r"sub_class_file_list_0.txt lists 'e', and 0 more, that data_list_0.txt does not"),
        ("[1]", r"expected the text of a Python dictionary from classes to images, but got \[1\]"),
        ("", r"expected the text of a Python dictionary from classes to images"),
        ("{1: ['b'", r"expected the text of a Python dictionary"),
        ("{1: __import__('os').listdir()}", r"expected the text of a Python dictionary"),
        ("(" * 5000, r"expected the text of a Python dictionary"),
    ],
)
def test_dictionaries(tmp_path, content, message):
    with pytest.raises(ValueError, match=message):
        fold(tmp_path, ["b"], content)


def test_files_that_are_not_there(tmp_path):
    (tmp_path / "a").write_text("b\n")
    with pytest.raises(FileNotFoundError, match=r"missing is not there; expected the text of a dictionary"):
        read_fold(tmp_path / "a", tmp_path / "missing", FOLDERS, [0], NoteBook())
