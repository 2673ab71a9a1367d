"""Every source's annotation files and masks, broken in each way that files break, with what is said about it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from fuzz.subjects import SUBJECTS, Subject
from fuzz.trial import read

GONE = (FileNotFoundError, r"{path} is not there; expected ")
SAYS = {
    ".json": {
        "gone": GONE,
        "a folder": GONE,
        "empty": (ValueError, r"{path} is not valid JSON \(truncated\?\): "),
        "half": (ValueError, r"{path} is not valid JSON \(truncated\?\): "),
        "no text": (ValueError, r"{path} is not valid JSON \(truncated\?\): "),
        "something else": (ValueError, r"{path}: expected "),
    },
    ".pkl": {
        "gone": GONE,
        "a folder": GONE,
        "empty": (ValueError, r"{path} cannot be read as a pickle \(truncated\?\): EOFError"),
        "half": (ValueError, r"{path} cannot be read as a pickle \(truncated\?\): (UnpicklingError|EOFError)"),
        "no text": (ValueError, r"{path} cannot be read as a pickle \(truncated\?\): UnpicklingError"),
        "something else": (ValueError, r"{path} cannot be read as a pickle"),
    },
    ".txt": {
        "gone": GONE,
        "a folder": GONE,
        "no text": (ValueError, r"{path}, line 1: expected text in UTF-8, but got b'\\xff"),
        "something else": ((ValueError, FileNotFoundError), r"{path}|.*{name}"),
    },
}
"""Ending of an annotation file -> what is wrong with it -> the error and the beginning of its text."""

NO_NAMES = (FileNotFoundError, r"{root} has no objectInfo150.txt or utils/ade20k_classes.json; expected one with the")
EXCEPTIONS = {("ade20k", "gone"): NO_NAMES, ("ade20k", "a folder"): NO_NAMES}

MASKS = {
    "gone": (FileNotFoundError, r"{source}: 1 of the \d+ files of the val split are not there: {path}$"),
    "a folder": (ValueError, r"{path} cannot be decoded as an image: "),
    "empty": (ValueError, r"{path} cannot be decoded as an image: "),
    "half": (ValueError, r"{path} cannot be decoded as an image: "),
    "no text": (ValueError, r"{path} cannot be decoded as an image: "),
    "something else": (ValueError, r"{path} cannot be decoded as an image: "),
    "another size": (ValueError, r"{root}\S+: expected 7x5 pixels as its annotations say, but it has \d+x\d+$"),
    "16 bits": (ValueError, r"{path}: expected a picture of 8 bits a channel, but it is of Pillow's mode I"),
}

FILES = [
    pytest.param(subject, pattern, how, id=f"{subject.label}-{Path(pattern).name}-{how}")
    for subject in SUBJECTS
    for pattern in subject.annotations
    for how in SAYS[Path(pattern).suffix]
]

# Three of the published masks of FSS-1000 have another size; with the others the masks say which images there are.
FINE = {("fss1000", "another size"), ("ade20k", "gone"), ("lung", "gone"), ("deepglobe", "gone")}
PAIRED = [
    pytest.param(subject, how, id=f"{subject.label}-{how}")
    for subject in SUBJECTS
    if len(subject.pictures) == 2
    for how in MASKS
    if (subject.label, how) not in FINE
]


def damage(path: Path, how: str) -> None:
    content = path.read_bytes()
    if how in ("gone", "a folder"):
        path.unlink()
    if how == "a folder":
        path.mkdir()
    elif how == "another size":
        Image.fromarray(np.ones((5, 7), np.uint8)).save(path)
    elif how == "16 bits":
        with Image.open(path) as picture:
            size = picture.height, picture.width
        Image.fromarray(np.ones(size, np.uint16)).save(path)
    elif how != "gone":
        half = content[: len(content) // 2]
        path.write_bytes({"empty": b"", "half": half, "no text": b"\xff\xfe\xe4", "something else": b"[1, 2]"}[how])


def check(subject: Subject, root: Path, path: Path, expected: tuple[Any, str]) -> None:
    kind, message = expected
    source = subject.build(root)
    names = {"path": path, "root": root, "source": source, "name": path.name}
    message = message.format(**{name: re.escape(str(value)) for name, value in names.items()})
    with pytest.raises(kind, match=f"^{message}") as caught:
        read(source)
    assert str(caught.value).isprintable()


@pytest.mark.parametrize(("subject", "pattern", "how"), FILES)
def test_annotation_files(subject: Subject, pattern: str, how: str, tmp_path: Path) -> None:
    root = tmp_path / "data"
    subject.write(root)
    path = sorted(root.glob(pattern))[0]
    damage(path, how)
    check(subject, root, path, EXCEPTIONS.get((subject.label, how), SAYS[path.suffix][how]))


@pytest.mark.parametrize(("subject", "how"), PAIRED)
def test_masks(subject: Subject, how: str, tmp_path: Path) -> None:
    root = tmp_path / "data"
    subject.write(root)
    path = sorted(root.glob(subject.pictures[1]))[0]
    damage(path, how)
    check(subject, root, path, MASKS[how])
