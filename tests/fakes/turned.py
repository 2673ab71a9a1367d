"""Pictures with an EXIF orientation, as cameras that are held sideways write them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

TO_STORED = {
    1: lambda a: a,
    2: lambda a: a[:, ::-1],
    3: lambda a: a[::-1, ::-1],
    4: lambda a: a[::-1],
    5: lambda a: a.swapaxes(0, 1),
    6: lambda a: np.rot90(a, 1),
    7: lambda a: np.rot90(a, 2).swapaxes(0, 1),
    8: lambda a: np.rot90(a, -1),
}
"""What a camera stores of an upright picture for each orientation, by arrays."""


def with_orientation(path: Path, stored: np.ndarray, orientation: int) -> Path:
    """Write stored pixels with a tag, without loss where the format can."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    options = {".jpg": {"quality": 95, "subsampling": 0}, ".webp": {"lossless": True}}
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.ascontiguousarray(stored)).save(path, exif=exif, **options.get(path.suffix, {}))
    return path


def camera(path: Path, upright: np.ndarray, orientation: int) -> Path:
    """Write what a camera makes of an upright picture."""
    return with_orientation(path, TO_STORED[orientation](upright), orientation)
