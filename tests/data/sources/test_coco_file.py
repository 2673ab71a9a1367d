"""The source ``CocoFile`` beyond the contract: one file and one folder for both splits, and what can be wrong there."""

from __future__ import annotations

import json
import pickle
import re

import numpy as np
import pytest

from fakes.coco import NAMES
from sansa_lightning.data.protocols.base import Strict
from sansa_lightning.data.sources.coco_file import CocoFile


@pytest.fixture
def build(broken):
    """A function that builds the source of a fake that a test may break."""
    return lambda **options: CocoFile(broken.root / "val2017", broken.annotations("val"), **options)


def test_both_splits_are_the_one_file(build, broken):
    source = build()
    assert source.classes("train") == source.classes("val") == tuple(range(8))
    assert tuple(source.class_name(c) for c in range(8)) == NAMES
    for class_id in range(8):
        expected = [key.removeprefix("val/") for key in broken.images(class_id, "val")]
        for split in ("train", "val"):
            assert list(source.images(class_id, split)) == [f"{split}/{file}" for file in expected]
            source.verify(split)


def test_masks_are_the_painted_ones_in_either_split(build, broken):
    source = build()
    for (key, class_id), truth in broken.truth.items():
        if key.startswith("val/"):
            for split in ("train", "val"):
                image, mask = source.load(key.replace("val", split, 1), class_id)
                np.testing.assert_array_equal(mask, truth)
                assert image.shape == (*truth.shape, 3)
            assert source.picture(key) == str(broken.root / "val2017" / key.removeprefix("val/"))
            assert source.picture(key.replace("val", "train", 1)) == source.picture(key)


def test_a_protocol_tests_classes_that_it_does_not_train(build):
    (train,), (test,) = (Strict(1).pools(build(), stage) for stage in ("train", "test"))
    assert (train.classes, test.classes) == ((0, 2, 3, 4, 6), (1, 5))
    assert (train.dropped, test.dropped) == ((7,), ())


def test_paths_are_those_of_the_working_directory(broken, monkeypatch):
    """Neither is looked for below the other, also after a change of the directory."""
    monkeypatch.chdir(broken.root)
    source = CocoFile("val2017", "annotations/instances_val2017.json")
    assert source.images(0, "val")
    assert str(source) == "coco_file in val2017"
    monkeypatch.chdir(broken.root / "annotations")
    assert CocoFile("../val2017", "instances_val2017.json").load("val/000000000000.jpg", 0)[1].any()


def test_options(build, broken):
    assert (build().name, build(name="mine").name) == ("coco_file", "mine")
    areas = {key: int((mask == 1).sum()) for (key, c), mask in broken.truth.items() if c == 1 and key[:3] == "val"}
    least = sorted(areas.values())[-2]
    assert list(build(min_area=least).images(1, "val")) == [key for key, area in areas.items() if area >= least]


def test_a_copy_for_workers_gives_the_same(build):
    source = build()
    source.classes("val")
    copy = pickle.loads(pickle.dumps(source))  # noqa: S301 - our own object, as workers get it
    for split in ("train", "val"):
        assert [copy.images(c, split) for c in range(8)] == [source.images(c, split) for c in range(8)]


class TestMistakes:
    def test_no_folder(self, broken):
        source = CocoFile(broken.root / "nowhere", broken.annotations("val"))
        with pytest.raises(FileNotFoundError, match=r"nowhere is not a folder; expected the one with the dataset"):
            source.classes("val")

    def test_no_annotation_file(self, broken):
        source = CocoFile(broken.root / "val2017", broken.root / "mine.json")
        message = re.escape(f"{broken.root / 'mine.json'} is not there; expected an instances annotation file in COCO")
        for split in ("train", "val"):
            with pytest.raises(FileNotFoundError, match=message):
                source.classes(split)

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            (lambda text: text[: len(text) // 2], r"instances_val2017.json is not valid JSON \(truncated\?\): "),
            (lambda _: "[1, 2]", r"instances_val2017.json: expected a JSON object with a list 'images'"),
            (
                lambda text: f'{text[:-1]}, "annotations": []}}',
                r"instances_val2017.json: expected each key at the top once, but 'annotations' occurs twice",
            ),
        ],
    )
    def test_annotation_files(self, build, broken, change, message):
        path = broken.annotations("val")
        path.write_text(change(path.read_text()))
        with pytest.raises(ValueError, match=message):
            build().classes("val")

    def test_the_folder_of_other_images(self, broken):
        content = json.loads(broken.annotations("val").read_text())
        content["images"][0]["file_name"] = "mine.jpg"
        broken.annotations("val").write_text(json.dumps(content))
        source = CocoFile(broken.root / "val2017", broken.annotations("val"))
        message = r"1 of the 14 files that .*instances_val2017.json lists are not there: .*val2017/mine.jpg"
        with pytest.raises(FileNotFoundError, match=message):
            source.verify("train")

    def test_a_broken_image(self, build, broken):
        path = broken.root / "val2017" / "000000000003.jpg"
        path.write_bytes(path.read_bytes()[:90])
        for split in ("train", "val"):
            with pytest.raises(ValueError, match=r"val2017/000000000003.jpg"):
                build().verify(split)
        build(check_files=False).verify("val")

    def test_an_image_of_the_other_split_of_a_dataset(self, build):
        with pytest.raises(KeyError, match=r"unknown image 'val/nowhere.jpg'; expected a key that images"):
            build().load("val/nowhere.jpg", 0)
