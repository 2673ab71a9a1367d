"""The source ``Folder`` beyond the contract: what a person's own data get wrong."""

from __future__ import annotations

import shutil

import numpy as np
import pytest
from PIL import Image

from fakes.folder import NAMES, write_folder
from sansa_lightning.data.protocols import Strict
from sansa_lightning.data.sources.folder import Folder


@pytest.fixture
def root(tmp_path):
    return write_folder(tmp_path / "mine").root


def test_ids_are_those_of_both_splits(root):
    source = Folder(root)
    assert (source.classes("train"), source.classes("val")) == ((0, 2, 3), (1, 2))
    assert tuple(source.class_name(c) for c in range(4)) == NAMES
    assert source.images(1, "train") == ()


def test_one_folder_for_both_splits(root):
    source = Folder(root, train="train", val="train", name="parts")
    (train,), (test,) = (Strict(0, folds=3).pools(source, stage) for stage in ("train", "test"))
    assert (train.classes, test.classes) == ((1, 2), (0,))
    assert str(source) == f"parts in {root}"
    flat = Folder(root / "train", train=".", val=".")
    np.testing.assert_array_equal(flat.load("val/nut/0.jpg", 1)[1], source.load("val/nut/0.jpg", 1)[1])


def test_what_is_no_image_is_left_alone(root):
    before = Folder(root).images(2, "val")
    (root / "val" / "nut" / "images" / "notes.txt").write_text("todo")
    (root / "val" / "nut" / "images" / ".hidden.jpg").write_bytes(b"")
    (root / "val" / "README").write_text("mine")
    (root / "val" / "raw").mkdir()
    assert Folder(root).images(2, "val") == before
    Folder(root).verify("val")


class TestMistakes:
    def test_no_classes(self, root):
        shutil.rmtree(root / "val")
        with pytest.raises(FileNotFoundError, match=r"mine/val has no <class>/images folders; expected one for each"):
            Folder(root).classes("val")
        Folder(root).verify("train")

    def test_no_mask(self, root):
        (root / "val" / "nut" / "masks" / "1.png").unlink()
        with pytest.raises(FileNotFoundError, match=r"1 of the 16 files of the val split are not there: .*masks/1.png"):
            Folder(root).verify("val")

    def test_mask_alone(self, root):
        (root / "val" / "nut" / "images" / "1.png").unlink()
        message = r"nut/masks/1.png has no image in .*nut/images, and 0 more; expected one of its name"
        with pytest.raises(FileNotFoundError, match=message):
            Folder(root).classes("val")

    def test_two_images_of_one_name(self, root):
        shutil.copy(root / "val" / "nut" / "images" / "1.png", root / "val" / "nut" / "images" / "1.bmp")
        with pytest.raises(ValueError, match=r"images/1.png and 1.bmp share the mask 1.png; expected different names"):
            Folder(root).classes("val")

    def test_mask_of_class_numbers(self, root):
        path = root / "val" / "nut" / "masks" / "0.png"
        with Image.open(path) as picture:
            size = picture.size
        Image.new("L", size, 3).save(path)
        source = Folder(root)
        message = r"masks/0.png: expected a mask of 0 and 1, or of 0 and 255, but its highest value is 3"
        for attempt in (lambda: source.verify("val"), lambda: source.load("val/nut/0.jpg", 2)):
            with pytest.raises(ValueError, match=message):
                attempt()

    def test_empty_mask(self, root):
        path = root / "val" / "nut" / "masks" / "0.png"
        with Image.open(path) as picture:
            Image.new("L", picture.size).save(path)
        with pytest.raises(ValueError, match=r"masks/0.png is empty; expected a mask that shows the class"):
            Folder(root).verify("val")

    def test_mask_of_another_size(self, root):
        Image.new("L", (9, 9), 255).save(root / "val" / "nut" / "masks" / "0.png")
        with pytest.raises(ValueError, match=r"images/0.jpg: expected 9x9 pixels as its annotations say"):
            Folder(root).verify("val")
