"""Files of tensors, read as plain data: none of their code is run, and refusals are in our words."""

from __future__ import annotations

import argparse
import re
import tarfile
import warnings
import zipfile
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

import torch

from sansa_lightning.files.messages import plain

READ = "tensors, containers, plain values and settings (argparse.Namespace)"
"""The permitted content of a file."""

# Published adapter files carry their training settings as a Namespace (docs/sansa.md 2.2), whose folders may be paths.
# Paths are read as pure ones, which touch no disk and exist for each system on every system.
SETTINGS: list[Any] = [
    argparse.Namespace,
    *[
        (kind, f"{module}.{name}")
        for module in ("pathlib", "pathlib._local")
        for kind in (PurePosixPath, PureWindowsPath)
        for name in (kind.__name__, kind.__name__.removeprefix("Pure"))
    ],
]
"""The types that are read beyond those that torch allows, with the names that files have for them."""

EXPANSION = 20
"""How many times the file's size its unpacked content may have; torch does not compress, other tools may."""

REFUSALS = (
    (re.compile(r"[Uu]nsupported (?:global: )?GLOBAL (\S+)"), "it asks for {}"),
    (re.compile(r"reduce for unrecognized function (.+)", re.DOTALL), "it calls {}"),
    (re.compile(r"(?:create new object|build Tensor).* but got (.+)", re.DOTALL), "it builds a {}"),
    (re.compile(r"(``torch\.\S+``).* must be imported to load"), "it asks for tensors of {}"),
)
"""Torch's refusals, and ours: torch adds the advice to run the code all the same."""

ADVICE = re.compile(r"weights_only|safe_globals|torch\.load|trust", re.IGNORECASE)
_REASON = "WeightsUnpickler error: "


def read_tensors(path: Path) -> dict[str, Any]:
    """The content of a .pt / .pth / .ckpt or .safetensors file, without running any code from it.

    Raises:
        FileNotFoundError: no such file.
        ValueError: another kind of file, a truncated one, or one that holds more than tensors, containers and settings.
    """
    if not path.is_file():
        msg = f"{path} is not a file"
        raise FileNotFoundError(msg)
    content = _read_safetensors(path) if path.suffix == ".safetensors" else _read_pickled_tensors(path)
    if not isinstance(content, dict):
        msg = f"{path}: expected a dictionary of tensors, but got {type(content).__name__}"
        raise ValueError(msg)
    return content


def _read_safetensors(path: Path) -> dict[str, Any]:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return dict(load_file(path))
    except (SafetensorError, KeyError, RuntimeError) as error:  # KeyError: a number format that torch does not have
        msg = f"{path} cannot be read as a safetensors file: {plain(str(error))}"
        raise ValueError(msg) from error


def _read_pickled_tensors(path: Path) -> Any:
    # Torch warns of old formats and sparse tensors, which only the writer of the file could change.
    with torch.serialization.safe_globals(SETTINGS), warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        try:
            _check_archive(path)
            return torch.load(path, map_location="cpu", weights_only=True)
        except Exception as error:  # a damaged pickle raises anything, from struct.error to AssertionError
            msg = f"{path} cannot be read as a file of tensors: {_reason(error)}"
            raise ValueError(msg) from error


def _check_archive(path: Path) -> None:
    """Refuse programs and zip bombs, and compare the checksums, which torch writes but does not check."""
    if not zipfile.is_zipfile(path):
        if tarfile.is_tarfile(path):
            msg = "it is in torch's old tar format, which cannot be read as data; save it again with a current torch"
            raise ValueError(msg)
        return
    with zipfile.ZipFile(path) as archive:
        if any(PurePosixPath(name).name == "constants.pkl" for name in archive.namelist()):
            msg = "it is a TorchScript archive, which is a program; save the model's state_dict() instead"
            raise ValueError(msg)
        size = sum(part.file_size for part in archive.infolist())
        if size > EXPANSION * path.stat().st_size:
            msg = f"it would unpack to {size} bytes, over {EXPANSION} times its own size"
            raise ValueError(msg)
        damaged = archive.testzip()
    if damaged is not None:
        msg = f"its member {plain(damaged)} is damaged (checksum)"
        raise ValueError(msg)


def _reason(error: Exception) -> str:
    """The fault of a file, on one line and without torch's advice to run its code."""
    text = str(error)
    for pattern, words in REFUSALS:
        if found := pattern.search(text):
            what = plain(found[1].partition("\n")[0], 80).rstrip(".")
            return f"{words.format(what)}, but only {READ} are read"
    # The unpickler's own line follows the advice, in its own paragraph or right after the unpickler's name.
    paragraphs = text.rpartition(_REASON)[2].split("\n\n")
    lines = [plain(line) for each in paragraphs for line in each.splitlines() if line.strip()]
    honest = [line for line in lines if not ADVICE.search(line)]
    return (honest or [f"{type(error).__name__}; only {READ} are read"])[0]
