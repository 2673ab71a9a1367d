"""Files that are whole or not there."""

from __future__ import annotations

import hashlib
import os
import signal
from pathlib import Path

import pytest

from sansa_lightning.files import replacing, sha256_of, write_text


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
    with pytest.raises(FileNotFoundError, match=r"\.result\.json\.partial"), replacing(tmp_path / "result.json"):
        pass
    assert not list(tmp_path.iterdir())


def test_a_killed_process_leaves_the_old_file_and_the_next_write_cleans_up(tmp_path: Path) -> None:
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
    assert len(list(tmp_path.iterdir())) == 2  # the left-over is hidden and says what it is
    assert (tmp_path / ".last.ckpt.partial").read_text() == "half"
    write_text(path, "new")
    assert {child.name: child.read_text() for child in tmp_path.iterdir()} == {"last.ckpt": "new"}


def test_text_is_utf8(tmp_path: Path) -> None:
    write_text(tmp_path / "t", "Größe → 5ⁱ")
    assert (tmp_path / "t").read_bytes() == "Größe → 5ⁱ".encode()


def test_sha256(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"abc" * 100_000)
    assert sha256_of(tmp_path / "x") == hashlib.sha256(b"abc" * 100_000).hexdigest()
