"""Files of tensors are read as data, and what is refused is said without torch's advice."""

from __future__ import annotations

import argparse
import contextlib
import io
import os
import pickle
import tarfile
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from sansa_lightning.files.tensor_files import read_tensors


class Calls:
    """A pickle that calls a function."""

    def __init__(self, function: Any, *args: Any) -> None:
        self.function, self.args = function, args

    def __reduce__(self) -> tuple[Any, ...]:
        return self.function, self.args


def torchscript(path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.jit.trace(nn.Linear(2, 2), torch.zeros(1, 2)).save(str(path))


def tar(path: Path) -> None:
    with tarfile.open(path, "w") as archive:
        for name in ("storages", "tensors", "pickle"):
            content = pickle.dumps(0)
            about = tarfile.TarInfo(name)
            about.size = len(content)
            archive.addfile(about, io.BytesIO(content))


def bomb(path: Path) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("x/data.pkl", bytes(50_000_000))


def legacy(content: Any) -> Callable[[Path], None]:
    return lambda path: torch.save(content, path, _use_new_zipfile_serialization=False)


def zipped(content: Any) -> Callable[[Path], None]:
    return lambda path: torch.save(content, path)


REFUSED = {
    "blocked": (zipped(Calls(os.system, "true")), "it asks for posix.system, but only tensors, containers, plain"),
    "blocked, legacy": (legacy(Calls(os.system, "true")), "it asks for posix.system, but only tensors"),
    "builtin": (zipped({"model": Calls(eval, "1")}), "it asks for eval, but only tensors"),
    "bare": (lambda path: path.write_bytes(pickle.dumps(Calls(eval, "1"), 2)), "it asks for eval, but only tensors"),
    "newer pickle": (lambda path: path.write_bytes(pickle.dumps({"a": 1}, 4)), "Unsupported operand 149"),
    "module": (zipped({"model": nn.Linear(2, 2)}), "it asks for torch.nn.modules.linear.Linear, but only tensors"),
    "method": (zipped(Calls(bytes.fromhex, "00")), "it asks for getattr, but only tensors"),
    "set": (zipped(Calls(slice, 1)), "it asks for slice, but only tensors"),
    "torchscript": (torchscript, "it is a TorchScript archive, which is a program; save the model's state_dict() ins"),
    "tar": (tar, "it is in torch's old tar format, which cannot be read as data; save it again with a current torch"),
    "bomb": (bomb, "it would unpack to 50000000 bytes, over 20 times its own size"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_refused_is_said_in_our_words(case: str, tmp_path: Path) -> None:
    write, words = REFUSED[case]
    path = tmp_path / "x.pth"
    write(path)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(ValueError, match=r"^\S+x\.pth cannot be read as a file of tensors: ") as caught:
            read_tensors(path)
    line = str(caught.value)
    assert words in line
    assert line.isprintable()
    assert not any(word in line for word in ("weights_only", "safe_globals", "torch.load", "trust"))


def test_settings_are_read_and_paths_in_them_touch_no_disk(tmp_path: Path) -> None:
    args = argparse.Namespace(lr=1e-4, output_dir=Path("out"), device=torch.device("cuda:1"), stages=[2, 3], note=None)
    torch.save({"args": args}, tmp_path / "x.pth")
    found = read_tensors(tmp_path / "x.pth")["args"]
    assert vars(found) == {**vars(args), "output_dir": PurePosixPath("out")}
    assert type(found.output_dir) is PurePosixPath
    torch.save({"args": found}, tmp_path / "again.pth")
    assert read_tensors(tmp_path / "again.pth")["args"] == found


def test_a_path_of_another_system(tmp_path: Path) -> None:
    """A Python of another system, or a newer one, writes other names."""
    for name in ("pathlib\nWindowsPath", "pathlib._local\nWindowsPath", "pathlib._local\nPosixPath"):
        code = b"\x80\x02}X\x01\x00\x00\x00ac" + name.encode() + b"\nX\x03\x00\x00\x00out\x85Rs."
        (tmp_path / "x.pth").write_bytes(code)
        # In the layout without a zip, a magic number comes first; inside of one the pickle is a file.
        with zipfile.ZipFile(tmp_path / "x.pth", "w") as archive:
            archive.writestr("x/data.pkl", code)
            archive.writestr("x/version", "3\n")
            archive.writestr("x/byteorder", "little")
        assert str(read_tensors(tmp_path / "x.pth")["a"]) == "out"


def test_what_is_allowed_is_allowed_for_the_call_alone(tmp_path: Path) -> None:
    before = list(torch.serialization.get_safe_globals())
    torch.save({"args": argparse.Namespace(a=1)}, tmp_path / "x.pth")
    read_tensors(tmp_path / "x.pth")
    torch.save(Calls(eval, "1"), tmp_path / "bad.pth")
    with pytest.raises(ValueError, match="it asks for eval"):
        read_tensors(tmp_path / "bad.pth")
    assert list(torch.serialization.get_safe_globals()) == before


def test_tensors_and_settings_come_back(tmp_path: Path) -> None:
    content = {"model": {"a": torch.arange(3)}, "args": argparse.Namespace(lr=1e-4), "epoch": 3, "note": None}
    torch.save(content, tmp_path / "x.pth")
    found = read_tensors(tmp_path / "x.pth")
    assert torch.equal(found["model"]["a"], torch.arange(3))
    assert (found["args"].lr, found["epoch"], found["note"]) == (1e-4, 3, None)


def test_safetensors_come_back(tmp_path: Path) -> None:
    save_file({"a": torch.arange(3)}, tmp_path / "x.safetensors")
    assert torch.equal(read_tensors(tmp_path / "x.safetensors")["a"], torch.arange(3))


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
    with pytest.raises(
        ValueError, match=r"x\.ckpt cannot be read as a file of tensors: its member x/data/0 is damaged"
    ):
        read_tensors(path)


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"x\.pth is not a file"):
        read_tensors(tmp_path / "x.pth")
    with pytest.raises(FileNotFoundError, match="is not a file"):
        read_tensors(tmp_path)
