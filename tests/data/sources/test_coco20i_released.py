"""The source ``Coco20iReleased``: class maps, and the lists of the folds' pickles."""

from __future__ import annotations

import numpy as np
import pytest

from fakes.coco20i_released import UNLISTED, FakeCoco20i, write_coco20i
from sansa_lightning.data.protocols.base import Strict
from sansa_lightning.data.sources.coco20i_released import NAMES, Coco20iReleased


@pytest.fixture(scope="module")
def coco20i(tmp_path_factory) -> FakeCoco20i:
    return write_coco20i(tmp_path_factory.mktemp("fake") / "COCO2014")


@pytest.fixture
def broken(tmp_path) -> FakeCoco20i:
    return write_coco20i(tmp_path / "COCO2014", images=16)


def test_names_are_coco_s(shared, coco20i):
    from sansa_lightning.data.sources.coco import Coco

    theirs = Coco(shared / "data" / "coco_mini")
    assert tuple(theirs.class_name(class_id) for class_id in theirs.classes("val")) == NAMES
    source = Coco20iReleased(coco20i.root)
    assert source.classes("val") == tuple(range(80))
    assert source.class_name(79) == "toothbrush"


@pytest.mark.parametrize("split", ["train", "val"])
@pytest.mark.parametrize("fold", [None, 0, 3])
def test_images_are_those_of_the_lists(coco20i, split, fold):
    source = Coco20iReleased(coco20i.root, fold)
    for class_id in range(80):
        there = fold is None or (class_id % 4 == fold) == (split == "val")
        assert list(source.images(class_id, split)) == (coco20i.listed[class_id, split] if there else [])


def test_an_image_that_no_list_has_is_not_drawn_but_its_mask_is_true(coco20i):
    source = Coco20iReleased(coco20i.root)
    key = "val/val2014/COCO_val2014_000000000002.jpg"
    assert key not in source.images(UNLISTED, "val")
    assert source.load(key, UNLISTED)[1].any()


@pytest.mark.parametrize("split", ["train", "val"])
def test_masks_are_the_pixels_of_the_class(coco20i, split):
    source = Coco20iReleased(coco20i.root)
    for key in [key for key in coco20i.labels if key.startswith(split)][::5]:
        for class_id in range(80):
            image, mask = source.load(key, class_id)
            np.testing.assert_array_equal(mask, coco20i.labels[key] == class_id + 1)
            assert image.shape == (*mask.shape, 3)


@pytest.mark.parametrize("fold", range(4))
def test_strict_folds(coco20i, fold):
    for lists in (None, fold):
        source = Coco20iReleased(coco20i.root, lists)
        (train,), (test,) = (Strict(fold).pools(source, stage) for stage in ("train", "test"))
        assert test.classes == tuple(range(fold, 80, 4))
        assert not set(train.classes) & set(test.classes)
        assert len(train.classes) == 60


def test_verify(broken):
    Coco20iReleased(broken.root).verify("val")
    (broken.root / "annotations" / "val2014" / "COCO_val2014_000000000002.png").unlink()
    with pytest.raises(FileNotFoundError, match=r"coco20i_released in .*: 1 of the 32 files .*000002.png"):
        Coco20iReleased(broken.root).verify("val")


class TestMistakes:
    def test_fold(self, tmp_path):
        with pytest.raises(ValueError, match=r"Coco20iReleased.fold: expected 0 to 3 or None, but got 4"):
            Coco20iReleased(tmp_path, 4)

    def test_another_fold_than_the_protocol_s(self, coco20i):
        source = Coco20iReleased(coco20i.root, 0)
        with pytest.raises(ValueError, match=r"fold 1, unseen classes: none of its 20 .* \(lists of fold 0\)"):
            Strict(1).pools(source, "test")

    def test_root(self, tmp_path):
        with pytest.raises(FileNotFoundError, match=r"Coco20iReleased.root: .*none is not a folder"):
            Coco20iReleased(tmp_path / "none").classes("val")

    def test_missing_lists(self, broken):
        broken.lists("train", 1).unlink()
        with pytest.raises(FileNotFoundError, match=r"trn/fold1.pkl is not there; expected a pickle file"):
            Coco20iReleased(broken.root).classes("train")

    def test_the_first_fold_that_lists_a_class_has_the_say(self, broken):
        broken.edit("train", 2, lambda lists: lists[0].pop())
        whole = broken.listed[0, "train"]
        assert list(Coco20iReleased(broken.root).images(0, "train")) == whole
        assert list(Coco20iReleased(broken.root, 2).images(0, "train")) == whole[:-1]

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            (lambda c: c.update({80: []}), r"expected lists of images for the classes 0 to 79, but got class 80"),
            (lambda c: c.update(x=[]), r"expected each class once, as a number, but got 'x'"),
            (lambda c: c.update({4: 5}), r"but got class 4"),
            (lambda c: c.update({4: "train2014/a.jpg"}), r"but got class 4"),
            (
                lambda c: c[4].append("/passwd"),
                r"class 4: expected the name of a picture .*, but got '/passwd'",
            ),
            (lambda c: c[4].append("a/../../b.jpg"), r"class 4: expected the name of a picture"),
            (lambda c: c[4].append(7), r"class 4: expected the name of a picture .*, but got 7"),
        ],
    )
    def test_lists(self, broken, change, message):
        broken.edit("val", 0, change)
        with pytest.raises(ValueError, match=rf"val/fold0.pkl: .*{message}"):
            Coco20iReleased(broken.root).classes("val")
