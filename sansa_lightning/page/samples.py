"""The pictures with which a session begins."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from PIL import Image

from sansa_lightning.annotate.given.targets import find_targets
from sansa_lightning.data.sources.patterns import Patterns
from sansa_lightning.page.marks import Mask
from sansa_lightning.page.uploads import read_upload

CLASS, SAMPLES = 8, 8
"""Of the patterns: dots, an unseen class of the demo's fold."""

MOST = 500
"""Pictures of a folder: more belong to the command ``annotate``."""


class Sample(NamedTuple):
    """A picture with which a session begins.

    Attributes:
        image: RGB.
        name: of its file.
        label: class of which it is a reference; "" if of none.
        mask: of that class, bool [H, W].
    """

    image: Image.Image
    name: str
    label: str = ""
    mask: Mask | None = None


def sample_pictures() -> Iterator[Sample]:
    """Pictures of the embedded patterns that show a class; the first is a reference of it."""
    source = Patterns()
    for number, key in enumerate(source.images(CLASS, "val")[:SAMPLES], 1):
        image, mask = source.load(key, CLASS)
        sample = Sample(Image.fromarray(image), f"pattern {number}.png")
        yield sample._replace(label=source.class_name(CLASS), mask=mask == 1) if number == 1 else sample


def check_folder(folder: Path) -> None:
    """Check that a folder has pictures, and not too many.

    Raises:
        FileNotFoundError: there is no such folder.
        ValueError: it has none, or more than ``MOST``.
    """
    found = len(find_targets([folder], None))
    if found > MOST:
        msg = f"--images: expected up to {MOST} pictures, but {folder} has {found}; use the command annotate"
        raise ValueError(msg)


def folder_pictures(folder: Path) -> Iterator[Sample]:
    """Pictures below a folder, by their names there; those that cannot be read are left out with a line."""
    for target in find_targets([folder], None)[:MOST]:
        try:
            yield Sample(read_upload(target.path)[0], target.name)
        except ValueError as error:
            print(f"left out: {error}", flush=True)
