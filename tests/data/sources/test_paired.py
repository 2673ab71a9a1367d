"""What all sources of image files with mask files check: that masks show what the lists say."""

from __future__ import annotations

import re

import numpy as np
import pytest
from PIL import Image

from fakes.coco20i_released import write_coco20i
from fakes.fss1000 import write_fss1000
from fakes.lung import write_lung
from sansa_lightning.data.sources.coco20i_released import Coco20iReleased
from sansa_lightning.data.sources.fss1000 import Fss1000
from sansa_lightning.data.sources.lung import Lung
from sansa_lightning.data.sources.paired import LOOKS
from sansa_lightning.prepare.verify import split_faults


def rewrite(path, change):
    values = np.asarray(Image.open(path))
    Image.fromarray(change(values).astype(np.uint8)).save(path)


def test_masks_of_0_and_1_are_read_as_they_are_elsewhere(tmp_path):
    fake = write_fss1000(tmp_path / "FSS-1000")
    for path in (fake.root / "data" / "owl").glob("*.png"):
        rewrite(path, lambda values: values > 127)
    source = Fss1000(fake.root)
    source.verify("val")
    for key in source.images(8, "val"):
        np.testing.assert_array_equal(source.load(key, 8)[1], fake.truth[key, 8])


def test_masks_that_show_nothing(tmp_path):
    root = write_fss1000(tmp_path / "FSS-1000").root
    masks = sorted((root / "data" / "owl").glob("*.png"))
    for path in masks:
        rewrite(path, np.zeros_like)
    first = root / "data" / "owl" / "1.png"
    message = (
        rf"^{re.escape(str(first))}: expected a mask that shows 'owl', for which the val split lists it, "
        rf"but it and the next {LOOKS - 1} have none of it; are they of another layout\?$"
    )
    with pytest.raises(ValueError, match=message):
        Fss1000(root, check_files=False).verify("val")
    (fault,) = split_faults(Fss1000(root), "val")
    assert fault.startswith(f"{first}: expected a mask that shows 'owl'")
    Fss1000(root).verify("train")


def test_a_single_empty_mask_passes(tmp_path):
    root = write_fss1000(tmp_path / "FSS-1000").root
    rewrite(root / "data" / "owl" / "1.png", np.zeros_like)
    Fss1000(root).verify("val")


def test_all_masks_of_a_source_of_one_class(tmp_path):
    root = write_lung(tmp_path / "Lung").root
    for path in (root / "masks").iterdir():
        rewrite(path, np.zeros_like)
    with pytest.raises(ValueError, match=r"expected a mask that shows"):
        Lung(root).verify("val")


def test_maps_of_several_classes_are_seen_before_a_run(tmp_path):
    """By the first masks of each class; a single odd mask of a published list is cut as its numbers are."""
    root = write_lung(tmp_path / "Lung").root
    masks = sorted((root / "masks").iterdir())
    grey = np.where(np.arange(40) < 20, 4, 200)[None].repeat(32, 0)
    rewrite(masks[-1], lambda values: grey)
    with Image.open(masks[-1]) as picture:
        Image.new("RGB", picture.size).save(root / "CXR_png" / f"{masks[-1].stem.removesuffix('_mask')}.png")
    source = Lung(root)
    source.verify("val")
    np.testing.assert_array_equal(source.load(f"val/{masks[-1].stem}", 0)[1], grey >= 128)
    rewrite(masks[0], lambda values: np.where(values > 127, 200, np.arange(values.shape[1]) > 20))
    with pytest.raises(
        ValueError, match=rf"^{re.escape(str(masks[0]))}: expected a mask of 0 and 1, .* values 0, 1, 200"
    ):
        Lung(root, check_files=False).verify("val")


def test_class_maps_that_count_from_another_number(tmp_path):
    root = write_coco20i(tmp_path / "COCO2014", shown=3).root
    Coco20iReleased(root).verify("val")
    for path in (root / "annotations" / "val2014").iterdir():
        rewrite(path, lambda values: np.where((values > 0) & (values < 80), values + 1, values))
    with pytest.raises(ValueError, match=r"\.png: expected a mask that shows '[\w ]+', for which the val split"):
        Coco20iReleased(root).verify("val")
