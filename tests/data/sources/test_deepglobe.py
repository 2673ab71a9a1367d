"""The source ``DeepGlobe`` beyond the contract."""

from __future__ import annotations

import pytest

from fakes.deepglobe import write_deepglobe
from sansa_lightning.data.sources.deepglobe import DeepGlobe


@pytest.fixture
def root(tmp_path):
    return write_deepglobe(tmp_path / "Deepglobe").root


def test_a_patch_has_a_mask_of_each_class_it_shows(root):
    source = DeepGlobe(root)
    first, second = (source.load("val/100004_44", c)[1] for c in (4, 5))
    assert (first != second).any()
    with pytest.raises(KeyError, match=r"'val/100004_44' has no mask of class 0; expected class 4, 5"):
        source.load("val/100004_44", 0)


def test_there_is_no_train_split(root):
    assert DeepGlobe(root).classes("train") == ()
    DeepGlobe(root).verify("train")


def test_stray_mask(root):
    (root / "filter_mask" / "3" / "100004_44.png").write_bytes(b"")
    with pytest.raises(ValueError, match=r"3/100004_44.png: expected a name such as 100694_mask_03.png"):
        DeepGlobe(root).classes("val")


def test_missing_class_folder(root):
    (root / "filter_mask" / "3").rename(root / "filter_mask" / "seven")
    with pytest.raises(FileNotFoundError, match=r"filter_mask/3 is not there; expected a folder with .png files"):
        DeepGlobe(root).classes("val")
