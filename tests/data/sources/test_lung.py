"""The source ``Lung`` beyond the contract."""

from __future__ import annotations

import pytest

from fakes.lung import WITHOUT_MASK, write_lung
from sansa_lightning.data.sources.lung import Lung


@pytest.fixture
def root(tmp_path):
    return write_lung(tmp_path / "LungSegmentation").root


def test_both_ways_to_name_a_mask(root):
    keys = Lung(root).images(0, "val")
    assert [key for key in keys if key.endswith("_mask")] == [f"val/CHNCXR_000{n}_0_mask" for n in range(4)]
    assert [key for key in keys if "MCU" in key] == [f"val/MCUCXR_000{n}_0" for n in range(4, 8)]
    assert not any(WITHOUT_MASK in key for key in keys)


def test_one_class(root):
    source = Lung(root)
    assert (source.classes("val"), source.classes("train"), source.class_name(0)) == ((0,), (), "lung")


def test_no_masks(root):
    (root / "masks").rename(root / "mask")
    with pytest.raises(FileNotFoundError, match=r"masks is not there; expected a folder with .png files"):
        Lung(root).verify("val")
