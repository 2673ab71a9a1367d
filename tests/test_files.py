"""Files that are whole or not there, and files that are only read as data."""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import os
import re
import signal
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from sansa_lightning.files import left_over, replacing, sha256_of, write_text
from sansa_lightning.tensor_files import read_tensors


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


def test_tensors_and_settings_come_back(tmp_path: Path) -> None:
    content = {"model": {"a": torch.arange(3)}, "args": argparse.Namespace(lr=1e-4), "epoch": 3, "note": None}
    torch.save(content, tmp_path / "x.pth")
    found = read_tensors(tmp_path / "x.pth")
    assert torch.equal(found["model"]["a"], torch.arange(3))
    assert (found["args"].lr, found["epoch"], found["note"]) == (1e-4, 3, None)


def test_safetensors_come_back(tmp_path: Path) -> None:
    save_file({"a": torch.arange(3)}, tmp_path / "x.safetensors")
    assert torch.equal(read_tensors(tmp_path / "x.safetensors")["a"], torch.arange(3))


def test_reading_leaves_no_class_allowed(tmp_path: Path) -> None:
    before = set(torch.serialization.get_safe_globals())
    torch.save({}, tmp_path / "x.pth")
    read_tensors(tmp_path / "x.pth")
    assert set(torch.serialization.get_safe_globals()) == before


@pytest.mark.parametrize("content", [b"", b"hello\n", b"\x89PNG\r\n\x1a\n", b'{"a": 1}', b"PK\x03\x04", b"\x80\x02"])
@pytest.mark.parametrize("name", ["x.pth", "x.safetensors"])
def test_files_of_something_else(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ValueError, match=rf"{name} cannot be read as a (file of tensors|safetensors file): \S"):
        read_tensors(tmp_path / name)


class OneLine(Exception):  # noqa: N818
    """What a damaged file should give."""


def read_tensors_in_one_line(path: Path) -> None:
    try:
        read_tensors(path)
    except ValueError as error:
        if path.name in str(error) and "\n" not in str(error):
            raise OneLine from error
        raise


@pytest.mark.filterwarnings("ignore:Detected pickle protocol")
@pytest.mark.parametrize("layout", ["zip", "legacy", "safetensors"])
def test_damage_is_always_one_clear_line(tmp_path: Path, layout: str) -> None:
    path = tmp_path / ("x.safetensors" if layout == "safetensors" else "x.pth")
    tensors = {"a": torch.zeros(3, 4), "b": torch.ones(2)}
    if layout == "safetensors":
        save_file(tensors, path)
    else:
        torch.save({"model": tensors}, path, _use_new_zipfile_serialization=layout == "zip")
    whole, generator = path.read_bytes(), np.random.default_rng(0)
    for length in generator.integers(len(whole), size=60):
        path.write_bytes(whole[:length])
        with pytest.raises(ValueError, match=rf"^[^\n]*{path.name} [^\n]*: \S[^\n]*$"):
            read_tensors(path)
    for _ in range(60):
        damaged = bytearray(whole)
        for place in generator.integers(len(whole), size=4):
            damaged[place] = generator.integers(256)
        path.write_bytes(damaged)
        # Without checksums a changed number goes unseen; anything else but one line that names the file fails.
        with contextlib.suppress(OneLine):
            read_tensors_in_one_line(path)


def test_a_changed_number_is_seen(tmp_path: Path) -> None:
    """Torch alone would read it as another number."""
    path = tmp_path / "x.ckpt"
    torch.save({"a": torch.arange(100.0)}, path)
    whole = bytearray(path.read_bytes())
    whole[whole.index(np.float32(50).tobytes())] ^= 1
    path.write_bytes(whole)
    assert not torch.equal(torch.load(path, weights_only=True)["a"], torch.arange(100.0))
    with pytest.raises(ValueError, match=r"x\.ckpt cannot be read as a file of tensors: its part x/data/0 is damaged"):
        read_tensors(path)


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"x\.pth is not a file"):
        read_tensors(tmp_path / "x.pth")
    with pytest.raises(FileNotFoundError, match="is not a file"):
        read_tensors(tmp_path)
