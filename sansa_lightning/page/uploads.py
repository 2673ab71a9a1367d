"""Uploaded files: read by the project's one reading code, with bounded memory, and errors that name the upload."""

from __future__ import annotations

import warnings
from pathlib import Path

from PIL import Image

from sansa_lightning.annotate.inputs import as_picture
from sansa_lightning.files.messages import plain
from sansa_lightning.images.object_masks import object_mask
from sansa_lightning.images.pictures import InMemory, decoded, opened
from sansa_lightning.page.marks import Mask

MOST_PIXELS = 40_000_000
"""A picture in RGB takes three bytes for each, and a mask of it five while it is made."""

MOST_BYTES = 100_000_000


def read_upload(path: Path) -> tuple[Image.Image, str]:
    """The picture in an uploaded file, RGB and upright, and a remark about it; "" if there is nothing to say.

    Raises:
        ValueError: it is no picture, damaged, too large, or of more than 8 bits a channel; names the upload.
    """
    file = _content(path)
    frames = _look(file)
    remark = f"{file.name}: only the first of its {frames} pictures is used" if frames > 1 else ""
    return as_picture(file), remark


def read_mask(path: Path, size: tuple[int, int]) -> Mask:
    """The mask in an uploaded file, bool [H, W], for a picture of a size (H, W).

    Raises:
        ValueError: it is no mask of one object, or of another size; names the upload.
    """
    file = _content(path)
    _look(file)
    picture, stored = decoded(file, size)
    try:
        return object_mask(picture, stored).mask == 1
    except ValueError as error:
        msg = f"{file.name}: {error}"
        raise ValueError(msg) from error


def _content(path: Path) -> InMemory:
    """The file in memory, under its own name: where uploads are kept is nobody's business."""
    name, size = plain(path.name, 80), path.stat().st_size
    if not 0 < size <= MOST_BYTES:
        msg = f"{name}: expected a picture of up to {MOST_BYTES // 10**6} MB, but it has {size} bytes"
        raise ValueError(msg)
    return InMemory(name, path.read_bytes())


def _look(file: InMemory) -> int:
    """The number of pictures in a file, whose header says a size that can be read."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # the limit here is lower
        with opened(file) as picture:
            (width, height), frames = picture.size, getattr(picture, "n_frames", 1)
    if width * height > MOST_PIXELS:
        megapixels = MOST_PIXELS // 10**6
        msg = f"{file.name}: expected at most {megapixels} megapixels, but it has {width}x{height}; make it smaller"
        raise ValueError(msg)
    return int(frames)
