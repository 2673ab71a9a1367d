"""The picture of all classes: ``python -m sansa_lightning.describe.pattern_sheet docs/patterns.png``."""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from sansa_lightning.data.patterns.canvas import Body, Surface, texture
from sansa_lightning.data.patterns.draws import Bytes
from sansa_lightning.data.patterns.families import FOLDS, NAMES
from sansa_lightning.data.patterns.scene import PERIOD
from sansa_lightning.data.patterns.silhouettes import DIRECTIONS
from sansa_lightning.data.patterns.tiles import class_tile
from sansa_lightning.data.sources.patterns import Patterns
from sansa_lightning.files.whole import replacing

_LABEL = 14
_GAP = 6


def swatch(source: Patterns, class_id: int) -> Bytes:
    """A class's pattern alone, at its scale in images: uint8 [size, size, 3], grey."""
    size = source.size
    middle = Body(size / 2, size / 2, size / 2, np.ones(DIRECTIONS), 0.0)
    surface = Surface(class_tile(source.seed, class_id, 0), sum(PERIOD) / 2 * size, 0.0, (0.0, 0.0))
    pattern = texture(middle, surface, (slice(0, size), slice(0, size)))
    return np.repeat(pattern.astype(np.uint8)[..., None], 3, axis=2)


def contact_sheet(source: Patterns) -> Image.Image:
    """Every class with its id and name: its pattern and one val image; a column for each fold."""
    size = source.size
    width, height = 2 * size + 2 * _GAP, size + _LABEL + _GAP
    rows = -(-len(NAMES) // FOLDS)
    sheet = Image.new("RGB", (FOLDS * width + _GAP, rows * height + _LABEL + 2 * _GAP), "white")
    pen = ImageDraw.Draw(sheet)
    for fold in range(FOLDS):
        pen.text((fold * width + _GAP, _GAP), f"fold {fold}", fill="black")
    for class_id, name in enumerate(NAMES):
        left = class_id % FOLDS * width + _GAP
        top = class_id // FOLDS * height + _LABEL + 2 * _GAP
        pen.text((left, top), f"{class_id} {name}", fill="black")
        image, _ = source.load(source.images(class_id, "val")[0], class_id)
        sheet.paste(Image.fromarray(swatch(source, class_id)), (left, top + _LABEL))
        sheet.paste(Image.fromarray(image), (left + size + 2, top + _LABEL))
    return sheet


def write(path: Path, source: Patterns) -> None:
    """Write the contact sheet as a PNG of 128 colours, which keeps it small.

    Args:
        path: file to write, replaced as a whole.
        source: the benchmark to show.
    """
    with replacing(path) as partial:
        contact_sheet(source).quantize(128, dither=Image.Dither.NONE).save(partial, format="PNG", optimize=True)


def main() -> None:
    """Write the file on the command line."""
    parser = argparse.ArgumentParser(description="Write a picture of all classes of the pattern benchmark.")
    parser.add_argument("path", type=Path, help="PNG file to write")
    write(parser.parse_args().path, Patterns())


if __name__ == "__main__":
    from sansa_lightning.runs.failures import run_main  # only a command needs the command line

    run_main(main)
