"""Lists in text files."""

from __future__ import annotations

import pytest

from sansa_lightning.data.formats.text_lists import read_lines


@pytest.mark.parametrize("content", [b"a\nb \xc3\xa4\n", b"a\r\nb \xc3\xa4", b"\xef\xbb\xbfa\nb \xc3\xa4\n\n"[:-1]])
def test_lines_of_any_system(tmp_path, content):
    path = tmp_path / "list.txt"
    path.write_bytes(content)
    assert read_lines(path, "names") == ["a", "b \u00e4"]


def test_an_empty_list(tmp_path):
    (tmp_path / "list.txt").write_bytes(b"")
    assert read_lines(tmp_path / "list.txt", "names") == []


def test_no_file(tmp_path):
    for path in (tmp_path / "list.txt", tmp_path):
        with pytest.raises(FileNotFoundError, match=rf"{path.name} is not there; expected names"):
            read_lines(path, "names")


@pytest.mark.parametrize("line", [b"caf\xe9", b"a\0b"])
def test_what_is_no_text(tmp_path, line):
    path = tmp_path / "list.txt"
    path.write_bytes(b"a\n" + line + b"\nc\n")
    with pytest.raises(ValueError, match=r"list.txt, line 2: expected text") as caught:
        read_lines(path, "names")
    assert str(caught.value).isprintable()
