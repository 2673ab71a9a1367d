"""What all oracles share: a reading, pictures, ids and numbers, and what two readings do not agree on."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from fuzz.pictures import sound

EIGHT_BITS = ("1", "L", "P", "LA", "PA", "RGB", "RGBA", "RGBX", "CMYK", "YCbCr", "HSV", "LAB")


@dataclass
class Reading:
    """The val split: names of its classes, and (image, mask) of every (key, class id) that is listed.

    Names are left out by the oracles of datasets whose files do not hold them.
    """

    names: dict[int, str] = field(default_factory=dict)
    pairs: dict[tuple[str, int], tuple[np.ndarray, np.ndarray]] = field(default_factory=dict)


def need(whether: bool, what: Any) -> None:
    if not whether:
        raise AssertionError(what)


def rgb(path: Path) -> np.ndarray:
    need(sound(path.read_bytes()), path)
    with Image.open(path) as picture:
        need(picture.mode in EIGHT_BITS, picture.mode)
        return np.asarray(picture.convert("RGB"))


def there(path: Path) -> Path:
    """The file itself, or else the one whose ending is in another case."""
    ending = path.suffix.lower()
    same = [file for file in path.parent.iterdir() if (file.stem, file.suffix.lower()) == (path.stem, ending)]
    return path if path.exists() or len(same) != 1 else same[0]


def labels(path: Path) -> np.ndarray:
    need(sound(path.read_bytes()), path)
    with Image.open(path) as picture:
        need(picture.mode in ("L", "P"), picture.mode)
        return np.asarray(picture)


def grey(path: Path) -> np.ndarray:
    need(sound(path.read_bytes()), path)
    with Image.open(path) as picture:
        need(picture.mode in EIGHT_BITS, picture.mode)
        return np.asarray(picture.convert("L"))


def ident(value: Any) -> int | str | None:
    """An id: a whole number however it is written, or other text."""
    if isinstance(value, str) and re.fullmatch(r"-?(0|[1-9][0-9]{0,17})(\.0+)?", value.strip()):
        return int(float(value)) if abs(float(value)) < 2**53 else int(value.split(".")[0])
    if isinstance(value, str):
        return value.strip() or None
    if isinstance(value, bool | np.bool_) or not isinstance(value, int | float | np.number):
        return None
    return int(value) if np.isfinite(float(min(max(value, -1e300), 1e300))) and value == value // 1 else None


def whole(value: Any) -> int | None:
    number = ident(value)
    return None if isinstance(number, str) else number


def numbers(values: Any) -> list[float]:
    """Finite numbers."""
    values = values.tolist() if isinstance(values, np.ndarray) else values
    need(isinstance(values, list | tuple), values)
    need(all(abs(float(value)) < 1e6 for value in values), values)
    return [float(value) for value in values]


def text(value: Any) -> str:
    need(isinstance(value, str) and value.strip() == value != "", value)
    return str(value)


def digits(value: Any) -> int:
    need(str(value).isascii() and str(value).isdigit(), value)
    return int(value)


Oracle = Callable[[Path], Reading]


def differences(found: Reading, expected: Reading) -> Iterator[str]:
    """What two readings do not agree on."""
    if expected.names and found.names != expected.names:
        yield f"names: {set(found.names.items()) ^ set(expected.names.items())}"
    if found.pairs.keys() != expected.pairs.keys():
        yield f"listed: {sorted(found.pairs.keys() ^ expected.pairs.keys())[:4]}"
    for pair in found.pairs.keys() & expected.pairs.keys():
        for what, mine, theirs in zip(("image", "mask"), found.pairs[pair], expected.pairs[pair], strict=True):
            if not np.array_equal(mine, theirs):
                yield f"{what} of {pair}: {mine.shape} and {theirs.shape}"
