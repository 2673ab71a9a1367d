"""The scripts of ``examples/``, each run on nano as its head says."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import sansa_lightning
from sansa_lightning.data.sources.patterns import Patterns

EXAMPLES = Path(__file__).parents[1] / "examples"
LONGEST = 40
pytestmark = pytest.mark.slow


def run(name, *args):
    done = subprocess.run(
        [sys.executable, EXAMPLES / name, *map(str, args)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def dots(tmp_path):
    """Two pictures of dots, and the mask of the first."""
    source = Patterns()
    (first, mask), (second, _) = (source.load(key, 8) for key in source.images(8, "val")[:2])
    for name, image in (("one", first), ("two", second)):
        Image.fromarray(image).save(tmp_path / f"{name}.png")
    return tmp_path, mask == 1


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.py")), ids=lambda path: path.name)
def test_examples_are_short(path):
    assert len(path.read_text(encoding="utf-8").splitlines()) <= LONGEST


def test_segment(dots):
    folder, _ = dots
    said = run("segment.py", folder / "one.png", 40, 20, 90, 70, folder / "two.png", folder / "m.png", "nano")
    prompt = sansa_lightning.Prompt.box([40, 20, 90, 70])
    (expected,) = sansa_lightning.load("nano").segment([(folder / "one.png", prompt)], folder / "two.png")
    with Image.open(folder / "m.png") as found:
        assert np.array_equal(np.asarray(found), expected)
    assert f"{expected.mean():.1%}" in said


def test_annotate_folder(dots):
    folder, mask = dots
    for made in ("references", "pictures", "out"):
        (folder / made).mkdir()
    (folder / "one.png").rename(folder / "references" / "dots.png")
    Image.fromarray(mask).save(folder / "references" / "dots.mask.png")
    (folder / "two.png").rename(folder / "pictures" / "two.png")
    said = run("annotate_folder.py", folder / "references", folder / "pictures", folder / "out", "nano")
    reference = (folder / "references" / "dots.png", sansa_lightning.Prompt.mask(mask))
    (expected,) = sansa_lightning.load("nano").segment([reference], folder / "pictures" / "two.png")
    with Image.open(folder / "out" / "two.dots.png") as found:
        assert np.array_equal(np.asarray(found), expected)
    assert said.startswith(f"two.png: dots, {expected.mean():.1%} of the picture, IoU 0.")
