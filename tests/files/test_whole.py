"""Files that are whole or not there."""

from __future__ import annotations

import hashlib
import os
import re
import signal
from pathlib import Path

import pytest

from sansa_lightning.files.whole import left_over, replacing, sha256_of, write_text


def test_a_file_appears_when_the_block_ends(tmp_path: Path) -> None:
    path = tmp_path / "new folder" / "result.json"
    with replacing(path) as partial:
        partial.write_text("whole")
        assert not path.exists()
        assert partial.parent == path.parent  # the same file system, so that the rename is atomic
    assert path.read_text() == "whole"
    assert [child.name for child in path.parent.iterdir()] == ["result.json"]


def write_half_and_fail(path: Path) -> None:
    path.write_text("half")
    raise FileNotFoundError("no such data")


@pytest.mark.parametrize("old", [None, "old"])
def test_an_exception_leaves_what_was_there(tmp_path: Path, old: str | None) -> None:
    path = tmp_path / "result.json"
    if old:
        path.write_text(old)
    with pytest.raises(FileNotFoundError, match="no such data"), replacing(path) as partial:
        write_half_and_fail(partial)
    assert {child.name: child.read_text() for child in tmp_path.iterdir()} == ({"result.json": old} if old else {})


def test_a_block_that_writes_nothing(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"\.result\.json\..*partial"), replacing(tmp_path / "result.json"):
        pass
    assert not list(tmp_path.iterdir())


def test_a_killed_process_leaves_the_old_file_and_what_it_was_writing(tmp_path: Path) -> None:
    path = tmp_path / "last.ckpt"
    write_text(path, "old")
    process = os.fork()
    if not process:
        with replacing(path) as partial:
            partial.write_text("half")
            os.kill(os.getpid(), signal.SIGKILL)
    _, status = os.waitpid(process, 0)
    assert os.WTERMSIG(status) == signal.SIGKILL
    assert path.read_text() == "old"
    assert len(list(tmp_path.iterdir())) == 2
    (left,) = left_over(tmp_path, "last.ckpt")
    assert left.read_text() == "half"
    assert re.fullmatch(rf"\.last\.ckpt\.{process}-[0-9a-f]{{8}}\.partial", left.name)  # hidden; says what it is
    write_text(path, "new")
    assert path.read_text() == "new"
    assert left.read_text() == "half"  # another process may be at it: only who holds the folder clears it away


def test_two_writers_of_one_file_are_not_in_each_others_way(tmp_path: Path) -> None:
    path = tmp_path / "last.ckpt"
    with replacing(path) as one:
        one.write_text("one")
        with replacing(path) as other:
            other.write_text("other")
        assert path.read_text() == "other"
        assert one.read_text() == "one"
    assert path.read_text() == "one"
    assert [child.name for child in tmp_path.iterdir()] == ["last.ckpt"]


def test_only_what_replacing_made_counts_as_left_over(tmp_path: Path) -> None:
    names = [".last.ckpt.partial", ".notes.partial", ".a.12-abc.partial", ".b.ckpt.7-0123abcd.partial", "c.partial"]
    for name in names:
        (tmp_path / name).touch()
    assert [path.name for path in left_over(tmp_path)] == [".b.ckpt.7-0123abcd.partial"]
    assert left_over(tmp_path, "last.ckpt") == []


def test_a_name_as_long_as_a_file_system_takes(tmp_path: Path) -> None:
    path = tmp_path / ("ü" * 127)
    write_text(path, "content")
    assert path.read_text() == "content"


def test_text_is_utf8(tmp_path: Path) -> None:
    write_text(tmp_path / "t", "Größe → 5ⁱ")
    assert (tmp_path / "t").read_bytes() == "Größe → 5ⁱ".encode()


def test_sha256(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"abc" * 100_000)
    assert sha256_of(tmp_path / "x") == hashlib.sha256(b"abc" * 100_000).hexdigest()
