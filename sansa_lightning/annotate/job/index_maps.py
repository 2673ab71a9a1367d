"""A palette PNG for each picture: 0 is background, n the n-th class."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Set
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from sansa_lightning.annotate.job.entries import mask_of
from sansa_lightning.annotate.job.journal import Line, Record
from sansa_lightning.annotate.job.results import images_of
from sansa_lightning.data.sources.folder import ENDINGS
from sansa_lightning.files.messages import counted, plain
from sansa_lightning.files.names import output_names
from sansa_lightning.files.whole import replacing

MOST_CLASSES = 255
"""A byte has no more numbers beside that of the background."""


def check_classes(count: int) -> None:
    """Refuse more classes than an index map can have.

    Raises:
        ValueError: there are more.
    """
    if count > MOST_CLASSES:
        msg = f"--masks: expected at most {MOST_CLASSES} classes, which a byte can number, but there are {count}"
        raise ValueError(msg)


def write_index_maps(folder: Path, record: Record) -> None:
    """Write ``<folder>/<name of the picture>.png`` for each picture, of its own size.

    Where objects overlap the smaller one is on top.
    """
    colours, written = palette(), set()
    for image, name in named(record):
        picture = Image.fromarray(index_map(image))
        picture.putpalette(colours)
        written.add(folder / f"{name}.png")
        with replacing(folder / f"{name}.png") as partial:
            picture.save(partial, format="PNG")
    tell_others("masks", folder, ".png", written)


def named(record: Record) -> Iterator[tuple[Line, str]]:
    """Each picture with the name, without an ending, of a file that is made of it."""
    names = output_names([image["name"] for image in images_of(record)], ENDINGS)
    return zip(images_of(record), names, strict=True)


def tell_others(option: str, folder: Path, ending: str, written: Set[Path]) -> None:
    """Say on stderr how many files in a folder this job has not written: they are of another job, or of a person."""
    others = sorted(path for path in folder.rglob(f"*{ending}") if path not in written)
    if others:
        sys.stderr.write(
            f"annotate: --{option}: {counted(len(others), 'file')} in {plain(str(folder))} not of this job "
            f"(first: {plain(str(others[0].relative_to(folder)))})\n"
        )


def index_map(image: Line) -> NDArray[np.uint8]:
    """Numbers of the classes, uint8 [H, W]; 0 is background."""
    numbers = np.zeros(image["size"], np.uint8)
    for each in sorted(image["found"], key=lambda each: -each["area"]):
        numbers[mask_of(each["segmentation"], tuple(image["size"]))] = each["class"] + 1
    return numbers


def palette() -> bytes:
    """256 colours, RGB, as PASCAL VOC has them: a number's lowest bits are the highest bits of the colours."""
    return bytes(value for number in range(256) for value in colour(number))


def colour(number: int) -> tuple[int, int, int]:
    """The colour of a number, RGB."""
    return tuple(sum((number >> (3 * bit + channel) & 1) << (7 - bit) for bit in range(3)) for channel in range(3))  # type: ignore[return-value]
