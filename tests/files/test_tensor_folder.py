"""Tensors in a folder: equal when they come back, limited in size, damage found, shared by processes."""

from __future__ import annotations

import hashlib
import os
import stat
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import TYPE_CHECKING

import pytest
import torch

from sansa_lightning.files import tensor_folder
from sansa_lightning.files.tensor_folder import TensorFolder, checksum

if TYPE_CHECKING:
    from pathlib import Path


def key(number: int) -> str:
    return hashlib.sha256(bytes([number])).hexdigest()


def kilobyte(number: int) -> torch.Tensor:
    return torch.full((256,), float(number))


def files(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*.safetensors"))


def test_what_was_put_comes_back_in_order_shape_and_format(tmp_path):
    given = (torch.randn(2, 3), torch.randn(4).bfloat16(), torch.arange(5, dtype=torch.uint8), torch.randn(0, 2))
    TensorFolder(tmp_path, 10**6).put(key(0), given)
    found = TensorFolder(tmp_path, 10**6).get(key(0))
    assert [(each.dtype, each.shape) for each in found] == [(each.dtype, each.shape) for each in given]
    assert all(torch.equal(one, other) for one, other in zip(found, given, strict=True))
    assert TensorFolder(tmp_path, 10**6).get(key(1)) is None


def test_the_checksum_is_that_of_the_bytes():
    values = torch.tensor([1.0, 2.0])
    assert checksum([values]) == hashlib.sha256(b"torch.float32(2,)" + values.numpy().tobytes()).hexdigest()


@pytest.mark.parametrize("damage", ["one bit", "half", "empty", "other file"])
def test_a_damaged_entry_is_deleted_and_counted(tmp_path, damage):
    folder = TensorFolder(tmp_path, 10**6)
    folder.put(key(0), [kilobyte(1)])
    (path,) = files(tmp_path)
    content = bytearray(path.read_bytes())
    if damage == "one bit":
        content[-7] ^= 4
    changed = {"half": content[: len(content) // 2], "empty": b"", "other file": b"text" * 99}
    path.write_bytes(changed.get(damage, content))
    assert folder.get(key(0)) is None
    assert folder.damaged == 1
    assert not files(tmp_path)


def test_the_longest_unread_go_first(tmp_path):
    folder = TensorFolder(tmp_path, 5000)
    for number in range(4):
        folder.put(key(number), [kilobyte(number)])
        os.utime(next(path for path in files(tmp_path) if path.stem == key(number)), (number, number))
    assert folder.get(key(0)) is not None  # read now
    folder.put(key(4), [kilobyte(4)])
    kept = {number for number in range(5) if folder.get(key(number)) is not None}
    assert {0, 4} <= kept
    assert 1 not in kept
    assert sum(path.stat().st_size for path in files(tmp_path)) <= 5000


def test_what_cannot_be_read_is_not_there(tmp_path):
    folder = TensorFolder(tmp_path, 5000)
    folder.put(key(0), [kilobyte(0)])
    (path,) = files(tmp_path)
    path.unlink()
    path.mkdir()
    assert folder.get(key(0)) is None


def test_what_others_write_is_counted_from_time_to_time(tmp_path, monkeypatch):
    monkeypatch.setattr(tensor_folder, "LOOKS", 2)
    folder, other = TensorFolder(tmp_path, 5000), TensorFolder(tmp_path, 5000)
    for number in range(8):
        (folder if number % 2 else other).put(key(number), [kilobyte(number)])
    assert sum(path.stat().st_size for path in files(tmp_path)) <= 5000 + 1200  # of the one entry since


def test_an_entry_above_the_limit_is_not_kept(tmp_path):
    TensorFolder(tmp_path, 1000).put(key(0), [kilobyte(0)])
    assert not files(tmp_path)


@pytest.mark.skipif(os.geteuid() == 0, reason="root writes anywhere")
def test_a_folder_that_cannot_be_written_to_is_said_once(tmp_path, caplog):
    tmp_path.chmod(stat.S_IRUSR | stat.S_IXUSR)
    folder = TensorFolder(tmp_path, 10**6)
    for number in range(3):
        folder.put(key(number), [kilobyte(number)])
    assert caplog.text.count("nothing more is kept there") == 1


def test_a_file_in_place_of_the_folder_is_said_once(tmp_path, caplog):
    (tmp_path / "cache").write_text("")
    folder = TensorFolder(tmp_path / "cache", 10**6)
    for number in range(3):
        folder.put(key(number), [kilobyte(number)])
    assert caplog.text.count("nothing more is kept there") == 1


def test_what_killed_processes_left_is_deleted_when_it_is_old(tmp_path):
    folder = TensorFolder(tmp_path, 10**6)
    place = tmp_path / key(0)[:2]
    place.mkdir()
    for name, age in (("old", 10**5), ("new", 0)):
        partial = place / f".{name}{'.safetensors'}.12-{'0' * 8}.partial"
        partial.touch()
        os.utime(partial, (partial.stat().st_mtime - age,) * 2)
    folder.put(key(0), [kilobyte(0)])
    assert [path.name[:4] for path in place.glob(".*.partial")] == [".new"]


def crowd(folder: Path, start: int) -> tuple[int, int]:
    """Entries read back right, and damaged ones, of one of several processes."""
    own, right = TensorFolder(folder, 9000), 0
    for turn in range(60):
        number = (start + turn) % 12
        own.put(key(number), [kilobyte(number)])
        found = own.get(key(number))
        if found is not None:
            assert torch.equal(found[0], kilobyte(number))
            right += 1
    return right, own.damaged


@pytest.mark.slow
def test_processes_share_a_folder_that_is_too_small_for_them(tmp_path):
    with ProcessPoolExecutor(3, mp_context=get_context("spawn")) as pool:
        results = list(pool.map(crowd, [tmp_path] * 3, range(3)))
    assert all(right > 30 and not damaged for right, damaged in results)
