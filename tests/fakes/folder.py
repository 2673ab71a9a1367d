"""Somebody's own data: a folder for each class, in two splits that share some classes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from fakes.pictures import FakeFiles, rectangle, size_of, write_grey_mask, write_image

CLASSES = {"train": ("bolt", "nut", "screw"), "val": ("gear", "nut")}
NAMES = ("bolt", "gear", "nut", "screw")
ENDINGS = ("jpg", "png", "JPEG", "webp")


def write_folder(root: Path) -> FakeFiles:
    """Four images a class and split, each in another format; every other mask is of 0 and 1."""
    fake = FakeFiles(root)
    for split, names in CLASSES.items():
        for name in names:
            for number, ending in enumerate(ENDINGS):
                rng = np.random.default_rng([number, len(name), len(split)])
                mask = rectangle(size_of(number), rng)
                folder = root / split / name
                write_image(folder / "images" / f"{number}.{ending}", mask.shape, rng)
                write_grey_mask(folder / "masks" / f"{number}.png", mask, rng)
                if number % 2:
                    Image.fromarray(mask).save(folder / "masks" / f"{number}.png")
                fake.truth[f"{split}/{name}/{number}.{ending}", NAMES.index(name)] = mask
    return fake
