"""Small data sets as tools write them, in the shared folder: masks lie on what is painted, or one line says why not.

Each has a generated case of its kind in the tests of the source or reader that it is about.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from builders import model, nano
from sansa_lightning import Prompt, Segmenter
from sansa_lightning.data.formats.picture_checks import TURNED
from sansa_lightning.data.sources.base import Source
from sansa_lightning.data.sources.coco_file import CocoFile
from sansa_lightning.data.sources.folder import Folder

COCO = ("exif3_180", "exif6_square", "exif6_upright_json")
FOLDERS = ("f_void_border_0_1_255", "f_rgba_alpha_mask", "f_palette_index1", "f_upper_PNG")


@pytest.fixture
def case(request: pytest.FixtureRequest, shared: Path, tmp_path: Path) -> Path:
    """A copy of a case."""
    return Path(shutil.copytree(shared / "cases" / request.param, tmp_path / request.param))


def painted(image: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Where a picture is nearer to the colour of its one thing than to that of its ground."""
    away = np.linalg.norm(image - np.median(image, axis=(0, 1)), axis=2)
    return away > np.percentile(away, 99) / 2


def built(case: Path) -> Source:
    if (case / "ann.json").is_file():
        return CocoFile(case / "img", case / "ann.json")
    return Folder(case, train=".", val=".")


@pytest.mark.parametrize("case", [*COCO, *FOLDERS], indirect=True)
def test_masks_lie_on_what_is_painted(case: Path) -> None:
    source = built(case)
    source.verify("val")
    pairs = [(key, c) for c in source.classes("val") for key in source.images(c, "val")]
    assert len(pairs) == (48 if case.name in COCO else 32)
    for key, class_id in pairs:
        image, mask = source.load(key, class_id)
        there = painted(image)
        assert 0 < there.mean() < 0.5
        assert ((mask == 1) & there).sum() / ((mask == 1) | there).sum() >= 0.9, key
        assert (255 in mask) == (case.name == "f_void_border_0_1_255")


@pytest.mark.parametrize("case", COCO, indirect=True)
def test_turned_pictures_are_told(case: Path) -> None:
    source = built(case)
    source.verify("val")
    (note,) = source.notes("val")
    assert (note.what, note.count, note.first) == (TURNED, 48, str(case / "img" / "001.jpg"))


@pytest.mark.parametrize("case", ["f_grey_multi"], indirect=True)
def test_several_classes_in_a_mask_are_refused(case: Path) -> None:
    with pytest.raises(
        ValueError,
        match=r"masks/p0\.png: expected a mask of 0 and 1, or of 0 and 255, but it is a map of the values 0, 1, 200; "
        r"for several classes, give each its own folder of masks.* \(the first; 32 of 32 pictures cannot be used\)$",
    ):
        built(case).verify("val")


@pytest.mark.parametrize("case", ["segment_16bit"], indirect=True)
@pytest.mark.parametrize("kind", ["16.png", "F.tif"])
def test_more_than_8_bits(case: Path, kind: str) -> None:
    segmenter, box = Segmenter(model(nano())), Prompt.box([10, 10, 50, 50])
    good = [Image.open(case / f"{what}8.png") for what in ("ref", "target")]
    deep = [Image.open(case / f"{what}{kind}") for what in ("ref", "target")]
    assert segmenter.segment([(good[0], box)], [good[1]], size=64)[0].shape == (72, 96)
    for reference, target in ((deep[0], good[1]), (good[0], deep[1])):
        with pytest.raises(ValueError, match=r"^segment: expected a picture of 8 bits .* of mode (I;16|F); scale its"):
            segmenter.segment([(reference, box)], [target], size=64)
