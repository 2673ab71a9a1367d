from __future__ import annotations

from pathlib import Path

import pytest
import torch

from sansa_lightning.runs.checkpoint_files import AtomicCheckpointIO, LastCheckpoint, check_checkpoint, read_checkpoint


def checked(path: Path, goes_on: bool = False) -> None:
    check_checkpoint(read_checkpoint(path), path, goes_on)


def test_a_checkpoint_replaces_the_old_one_whole_or_not_at_all(tmp_path, monkeypatch):
    io, path = AtomicCheckpointIO(), tmp_path / "folder" / "last.ckpt"
    io.save_checkpoint({"weight": torch.ones(3)}, path)

    def fail(content: object, file: Path) -> None:
        file.write_bytes(b"half")
        raise OSError("disk full")

    with monkeypatch.context() as patch:
        patch.setattr(torch, "save", fail)
        with pytest.raises(OSError, match="disk full"):
            io.save_checkpoint({"weight": torch.zeros(3)}, path)
    assert torch.equal(io.load_checkpoint(path)["weight"], torch.ones(3))
    assert [file.name for file in path.parent.iterdir()] == ["last.ckpt"]
    io.remove_checkpoint(path)
    io.remove_checkpoint(path)
    assert not path.exists()


def test_a_checkpoint_runs_no_code(tmp_path):
    class Code:
        def __reduce__(self):
            return (Path.touch, (tmp_path / "ran",))

    torch.save({"weight": Code()}, tmp_path / "evil.ckpt")
    with pytest.raises(ValueError, match=r"evil\.ckpt cannot be read as a file of tensors"):
        AtomicCheckpointIO().load_checkpoint(tmp_path / "evil.ckpt")
    assert not (tmp_path / "ran").exists()


def test_every_must_be_a_step(tmp_path):
    with pytest.raises(ValueError, match="checkpoint_every: expected at least 1 step, but got 0"):
        LastCheckpoint(tmp_path / "last.ckpt", 0)


def test_what_a_checkpoint_is(fitted, tmp_path):
    checked(fitted / "checkpoints" / "last.ckpt")
    with pytest.raises(FileNotFoundError, match=r"ckpt_path: .*no\.ckpt is not there"):
        checked(tmp_path / "no.ckpt")
    torch.save({"state_dict": {}}, tmp_path / "lightning.ckpt")
    with pytest.raises(ValueError, match=r"lightning\.ckpt is not a checkpoint of a run"):
        checked(tmp_path / "lightning.ckpt")
