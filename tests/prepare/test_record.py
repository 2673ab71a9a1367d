from __future__ import annotations

import pytest

from sansa_lightning.prepare.record import changed, read_record, record_of, write_record

GIVEN = {"a/1.jpg": 3, "a/b c.jpg": 4, "top.txt": 0}


def test_a_record_is_read_as_it_was_written(tmp_path):
    assert read_record(tmp_path / "x.zip") is None
    write_record(tmp_path / "x.zip", GIVEN)
    assert read_record(tmp_path / "x.zip") == GIVEN


def test_what_changed_is_found(tmp_path):
    assert changed(tmp_path, GIVEN) == list(GIVEN)
    for path, size in GIVEN.items():
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_bytes(bytes(size))
    assert changed(tmp_path, GIVEN) == []
    (tmp_path / "a/1.jpg").write_bytes(b"12")
    (tmp_path / "top.txt").unlink()
    assert changed(tmp_path, GIVEN) == ["a/1.jpg", "top.txt"]
    (tmp_path / "top.txt").mkdir()
    assert "top.txt" in changed(tmp_path, GIVEN)


@pytest.mark.parametrize(
    "line", ["x\ta.jpg", "²\ta.jpg", "9" * 5000 + "\ta.jpg", "3 a.jpg", "3\t../a.jpg", "3\t/a.jpg", "3\t"]
)
def test_a_damaged_record_names_its_line(tmp_path, line):
    record_of(tmp_path / "x.zip").write_text(f"3\tok.jpg\n{line}\n", encoding="utf-8")
    with pytest.raises(ValueError, match=r"x.zip.unpacked, line 2: expected"):
        read_record(tmp_path / "x.zip")


def test_a_record_in_another_encoding_is_named(tmp_path):
    record_of(tmp_path / "x.zip").write_bytes(b"3\tok.jpg\n3\t\xff.jpg\n")
    with pytest.raises(ValueError, match=r"x.zip.unpacked, line 2: expected text in UTF-8, but got b'3"):
        read_record(tmp_path / "x.zip")
