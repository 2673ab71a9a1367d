"""Pictures on their way in: files to arrays, arrays to the frames and masks of a clip."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)

Size = int | tuple[int, int]
"""Side of a square, or (H, W), in pixels."""

# What Pillow raises on broken files, beside its own errors, which are OSErrors.
_BROKEN = (OSError, SyntaxError, ValueError, EOFError, IndexError)
_JPEG_END = b"\xff\xd9"


def height_width(size: Size) -> tuple[int, int]:
    """``size`` as (H, W).

    Raises:
        ValueError: not one or two positive integers.
    """
    pair = (size, size) if isinstance(size, int) else tuple(size)
    if len(pair) != 2 or any(type(side) is not int or side < 1 for side in pair):
        msg = f"size: expected one or two positive integers (H, W), but got {size!r}"
        raise ValueError(msg)
    return pair


def read_image(path: Path) -> NDArray[np.uint8]:
    """The picture in a file: uint8 RGB [H, W, 3], as stored.

    A turn asked for by EXIF is not applied, because annotations are drawn on the stored pixels.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file cannot be decoded; names it.
    """
    try:
        with Image.open(path) as picture:
            return np.array(picture.convert("RGB"))
    except FileNotFoundError as error:
        msg = f"{path} is not there"
        raise FileNotFoundError(msg) from error
    except _BROKEN as error:
        raise _undecodable(path, error) from error


def check_image(path: Path, size: tuple[int, int]) -> None:
    """Check that a file is a whole picture of ``size`` = (H, W), without decoding it where that can be avoided.

    The header is read, and a JPEG must end with its end marker; a file for which this says nothing is decoded.
    Damage in the middle of a file is found only when it is loaded.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: not a picture, truncated, or of another size; names the file.
    """
    try:
        with path.open("rb") as file, Image.open(file) as picture:
            found, kind = (picture.height, picture.width), picture.format
            file.seek(-len(_JPEG_END), 2)
            whole = kind == "JPEG" and file.read() == _JPEG_END
    except FileNotFoundError as error:
        msg = f"{path} is not there"
        raise FileNotFoundError(msg) from error
    except _BROKEN as error:
        raise _undecodable(path, error) from error
    check_size(path, found, size)
    if not whole:
        read_image(path)


def check_size(path: Path, found: tuple[int, ...], expected: tuple[int, ...]) -> None:
    """Check that a picture has the size (H, W) that its annotations are drawn for.

    Raises:
        ValueError: it has not.
    """
    if tuple(found) != tuple(expected):
        msg = (
            f"{path}: expected {expected[1]}x{expected[0]} pixels as its annotations say, "
            f"but it has {found[1]}x{found[0]}"
        )
        raise ValueError(msg)


def to_frame(image: Image.Image | NDArray[np.uint8], size: Size) -> Tensor:
    """A frame of a clip: the whole picture squashed to ``size`` and ImageNet-normalised (spec 1.2, step 1).

    Args:
        image: a PIL image, or uint8 [H, W, 3] RGB or [H, W] grey.
        size: of the frame. Resized with PIL's bilinear filter, which averages when it shrinks.

    Returns:
        float32 [3, H, W].
    """
    height, width = height_width(size)
    picture = image if isinstance(image, Image.Image) else Image.fromarray(image)
    resized = picture.convert("RGB").resize((width, height), Image.Resampling.BILINEAR)
    pixels = torch.from_numpy(np.array(resized)).permute(2, 0, 1).contiguous().float().div_(255)
    mean, std = (torch.tensor(values)[:, None, None] for values in (IMAGENET_MEAN, IMAGENET_STD))
    return pixels.sub_(mean).div_(std)


def resize_mask(mask: Any, size: Size) -> Tensor:
    """A mask at another size, each pixel taking the value of one of the old ones.

    torch's "nearest" as in the released code (spec 4): the pixel at floor(i · old / new), half a pixel off.

    Args:
        mask: uint8 [H, W], array or tensor; any values, {0, 1, 255} in a clip.
        size: of the result.

    Returns:
        uint8 [H, W].
    """
    values = torch.as_tensor(mask, dtype=torch.uint8)
    return F.interpolate(values[None, None], size=height_width(size), mode="nearest")[0, 0]


def resize_logits(logits: Tensor, size: tuple[int, ...]) -> Tensor:
    """Logits [H, W] at another size, bilinear, as [H', W']."""
    return F.interpolate(logits[None, None], tuple(size), mode="bilinear", align_corners=False)[0, 0]


def _undecodable(path: Path, error: Exception) -> ValueError:
    return ValueError(f"{path} cannot be decoded as an image: {error}")
