from __future__ import annotations

import hashlib

import pytest

from sansa_lightning.prepare.checksums import check, record_or_compare, recorded


@pytest.mark.parametrize("algorithm", ["md5", "sha1", "sha256"])
def test_published_checksums(tmp_path, algorithm):
    (tmp_path / "x").write_bytes(b"content")
    check(tmp_path / "x", f"{algorithm}:{hashlib.new(algorithm, b'content').hexdigest()}", "x")
    with pytest.raises(ValueError, match=f"the name: expected {algorithm} 00ff as published, but got"):
        check(tmp_path / "x", f"{algorithm}:00ff", "the name")


def test_what_came_first_is_compared_with_what_comes_later(tmp_path):
    path = tmp_path / "x"
    path.write_bytes(b"content")
    assert recorded(path) is None
    assert record_or_compare(path, path)
    assert recorded(path) == hashlib.sha256(b"content").hexdigest()
    assert not record_or_compare(path, path)
    path.write_bytes(b"other")
    with pytest.raises(ValueError, match=r"as recorded in x.sha256 at the first download, but got .* remove the rec"):
        record_or_compare(path, path)


@pytest.mark.parametrize("text", ["", "abc  x\n", "g" * 64 + "  x\n", "0" * 64 + "\n"])
def test_a_damaged_record_is_not_taken_for_none(tmp_path, text):
    (tmp_path / "x.sha256").write_text(text)
    with pytest.raises(ValueError, match=r"x.sha256: expected a line with a SHA-256 and a file name"):
        recorded(tmp_path / "x")


def test_a_record_in_another_encoding_is_named(tmp_path):
    (tmp_path / "x.sha256").write_bytes(b"\xff\xfe")
    with pytest.raises(ValueError, match=r"x.sha256, line 1: expected text in UTF-8, but got b'.xff.xfe'"):
        recorded(tmp_path / "x")
