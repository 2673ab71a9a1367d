"""The source ``Isic`` beyond the contract."""

from __future__ import annotations

import pytest

from fakes.isic import write_isic
from sansa_lightning.data.sources.isic import Isic

IMAGES, MASKS = "ISIC2018_Task1-2_Training_Input", "ISIC2018_Task1_Training_GroundTruth"


@pytest.fixture
def root(tmp_path):
    return write_isic(tmp_path / "ISIC").root


def test_three_kinds(root):
    source = Isic(root)
    assert [source.class_name(c) for c in source.classes("val")] == ["nevus", "melanoma", "seborrheic keratosis"]
    assert source.classes("train") == ()


def test_as_downloaded(root):
    """The official download has no folders 1 to 3."""
    for number in (1, 2, 3):
        for path in (root / IMAGES / str(number)).iterdir():
            path.rename(root / IMAGES / path.name)
        (root / IMAGES / str(number)).rmdir()
    with pytest.raises(
        FileNotFoundError, match=r"Input/1 is not there; expected the images of nevus: sort the official"
    ):
        Isic(root).verify("val")


def test_an_image_that_was_not_sorted(root):
    (root / IMAGES / "2" / "ISIC_0000001.jpg").rename(root / IMAGES / "ISIC_0000001.jpg")
    with pytest.raises(FileNotFoundError, match=r"1 mask without an image in .*Input/1 to 3: ISIC_0000001"):
        Isic(root).verify("val")


def test_missing_mask(root):
    (root / MASKS / "ISIC_0000001_segmentation.png").unlink()
    with pytest.raises(FileNotFoundError, match=r"1 of the 24 files of the val split are not there: .*0001_segment"):
        Isic(root).verify("val")
