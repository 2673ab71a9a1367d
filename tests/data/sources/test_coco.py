"""The source ``Coco``: masks against painted ones and against pycocotools, and one clear line per mistake."""

from __future__ import annotations

import contextlib
import io
import pickle
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fakes.coco import CROWD, CROWD_ALONE, GREY, NAMES, TURNED
from sansa_lightning.data.sources import file_source
from sansa_lightning.data.sources.coco import Coco
from sansa_lightning.images.pictures import check_image


def key(split: str, index: int) -> str:
    return f"{split}/{index:012d}.jpg"


def test_class_ids_follow_ascending_category_ids(coco):
    assert coco.classes("train") == coco.classes("val") == tuple(range(8))
    assert tuple(coco.class_name(c) for c in range(8)) == NAMES


@pytest.mark.parametrize("split", ["train", "val"])
def test_images_are_those_with_an_object(coco, fake, split):
    for class_id in range(8):
        assert list(coco.images(class_id, split)) == fake.images(class_id, split)
    assert key(split, CROWD_ALONE) not in coco.images(CROWD_ALONE % 7, split)
    assert len(coco.images(7, split)) == 1


@pytest.mark.parametrize("split", ["train", "val"])
def test_masks_equal_the_painted_ones(coco, fake, split):
    for index in range(14):
        for class_id in range(8):
            image, mask = coco.load(key(split, index), class_id)
            truth = fake.truth.get((key(split, index), class_id), np.zeros(image.shape[:2]))
            np.testing.assert_array_equal(mask, truth)
            assert image.dtype == mask.dtype == np.uint8
            assert image.shape == (*mask.shape, 3)


def test_an_object_wins_over_a_crowd(coco):
    _, mask = coco.load(key("val", CROWD), CROWD % 7)
    half = mask.shape[0] // 2
    assert (mask[half + 1, 2:12] == 1).all()
    assert (mask[-1] == 255).all()
    _, alone = coco.load(key("val", CROWD_ALONE), CROWD_ALONE % 7)
    assert set(np.unique(alone)) == {0, 255}


def test_grey_becomes_rgb(coco):
    image, _ = coco.load(key("train", GREY), 0)
    assert (image == image[..., :1]).all()


def test_an_exif_turn_is_not_applied(coco, fake):
    path = fake.root / "train2017" / f"{TURNED:012d}.jpg"
    with Image.open(path) as picture:
        assert picture.getexif()[0x0112] == 6
        stored = np.asarray(picture.convert("RGB"))
    np.testing.assert_array_equal(coco.load(key("train", TURNED), 0)[0], stored)


def test_min_area_counts_pixels_of_the_union(fake):
    areas = {k: int((mask == 1).sum()) for (k, c), mask in fake.truth.items() if c == 1 and k.startswith("val")}
    least = sorted(areas.values())[-2]
    assert len(areas) > 2
    chosen = Coco(fake.root, min_area=least).images(1, "val")
    assert list(chosen) == [k for k, area in areas.items() if area >= least]


def test_a_pickled_source_gives_the_same(coco, fake):
    coco.classes("val")
    copy = pickle.loads(pickle.dumps(coco))  # noqa: S301 - our own object, as spawned workers get it
    fresh = Coco(fake.root)
    for source in (copy, fresh):
        assert source.images(2, "val") == coco.images(2, "val")
        np.testing.assert_array_equal(source.load(key("val", 2), 2)[1], coco.load(key("val", 2), 2)[1])


def test_reading_is_silent(fake):
    out = io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):
        Coco(fake.root).verify("val")
    assert out.getvalue() == ""


def test_other_names_and_folders(tmp_path, broken):
    broken.annotations("val").rename(broken.root / "mine.json")
    (broken.root / "val2017").rename(broken.root / "pictures")
    source = Coco(broken.root, val="pictures", val_annotations=Path("mine.json"), name="mine")
    source.verify("val")
    assert source.name == "mine"
    assert source.load(key("val", 1), 1)[1].any()
    assert str(source) == f"mine in {broken.root}"


def test_train_and_val_may_share_a_folder(broken):
    """Split and file name make the key, so the same file may stand in both lists."""
    source = Coco(broken.root, val="train2017", val_annotations=Path("annotations/instances_train2017.json"))
    np.testing.assert_array_equal(source.load(key("val", 1), 1)[1], source.load(key("train", 1), 1)[1])


class TestMistakes:
    def test_root(self, tmp_path):
        with pytest.raises(FileNotFoundError, match=r"Coco.root: .*nowhere is not a folder"):
            Coco(tmp_path / "nowhere").classes("val")

    def test_min_area(self, tmp_path):
        with pytest.raises(ValueError, match=r"Coco.min_area: expected pixels, 0 or more, but got -1"):
            Coco(tmp_path, min_area=-1)

    def test_no_json(self, broken):
        broken.annotations("val").unlink()
        with pytest.raises(FileNotFoundError, match=r"instances_val2017.json is not there; expected an instances"):
            Coco(broken.root).classes("val")

    def test_truncated_json(self, broken):
        text = broken.annotations("val").read_text()
        broken.annotations("val").write_text(text[: len(text) // 2])
        with pytest.raises(ValueError, match=r"instances_val2017.json is not valid JSON \(truncated\?\)"):
            Coco(broken.root).classes("val")

    def test_json_of_something_else(self, broken):
        broken.annotations("val").write_text("[1, 2]")
        with pytest.raises(ValueError, match=r"val2017.json: expected a JSON object with a list 'images'"):
            Coco(broken.root).classes("val")

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            (lambda c: c.pop("annotations"), r"expected a JSON object with a list 'annotations'"),
            (
                lambda c: c["categories"].clear(),
                r"expected at least one category with an id, but 'categories' has none",
            ),
            (
                lambda c: c["images"].append({**c["images"][0], "file_name": "x.jpg"}),
                r"one picture per id, of one size, but image 1000 is '000000000000.jpg' and 'x.jpg'; 1 are like this",
            ),
            (
                lambda c: c["images"].extend({**image, "width": 999, "id": 5} for image in c["images"][:3]),
                r"of one size, but image 5, '000000000000.jpg', is of 35x32 pixels and 999x32 pixels; 3 are like this",
            ),
            (
                lambda c: c["categories"][1].update(id=7),
                r"expected one name per category, but 7 is 'cat' and 'ant'; 1 are like this",
            ),
            (
                lambda c: [image.update(file_name=f"../{i}.jpg") for i, image in enumerate(c["images"][:3])],
                r"image 1000, file_name: expected the name of a picture below a folder, but got '../0.jpg'; 3 of 14 im",
            ),
            (
                lambda c: [image.update(file_name=f"/elsewhere/{i}.jpg") for i, image in enumerate(c["images"][:3])],
                r"expected names of pictures below .*/val2017, but 3 of 14 are absolute and lead elsewhere: '/e",
            ),
            (
                lambda c: [annotation.pop("segmentation") for annotation in c["annotations"]],
                r"none of its \d+ annotations can be used: \d+ annotations left out, without a segmentation \(",
            ),
            (
                lambda c: [image.pop("width") for image in c["images"]],
                r"none of its 14 images can be used: 14 images left out, without an id, a name or a size .*image 1000",
            ),
        ],
    )
    def test_annotations(self, broken, change, message):
        broken.edit("val", change)
        with pytest.raises(ValueError, match=rf"instances_val2017.json: .*{message}"):
            Coco(broken.root).classes("val")

    def test_crowds(self, tmp_path):
        with pytest.raises(ValueError, match=r"Coco.crowds: expected 'ignore' or 'objects', but got 'yes'"):
            Coco(tmp_path, crowds="yes")

    def test_different_categories(self, broken):
        broken.edit("train", lambda c: c["categories"][0].update(name="tiger"))
        source = Coco(broken.root)
        source.classes("val")
        with pytest.raises(
            ValueError, match=r"expected equal categories in .*but 2 are not in both: \(7, 'cat'\), \(7, 'tiger'"
        ):
            source.classes("train")

    @pytest.mark.parametrize("check_files", [True, False])
    def test_missing_images(self, broken, check_files):
        for index in (4, 9):
            (broken.root / "val2017" / f"{index:012d}.jpg").unlink()
        message = r"2 of the 14 files that .*_val2017.json lists are not there: .*/000000000004.jpg, .*0009.jpg$"
        with pytest.raises(FileNotFoundError, match=message):
            Coco(broken.root, check_files=check_files).verify("val")

    def test_missing_folder(self, broken):
        (broken.root / "val2017").rename(broken.root / "other")
        with pytest.raises(FileNotFoundError, match=r"14 of the 14 files that .* lists are not there: .*, \.\.\.$"):
            Coco(broken.root).verify("val")

    @pytest.mark.parametrize("damage", ["truncated", "garbage", "empty"])
    def test_broken_image(self, broken, damage):
        path = broken.root / "val2017" / "000000000004.jpg"
        content = path.read_bytes()
        path.write_bytes({"truncated": content[: len(content) // 2], "garbage": b"x" * 500, "empty": b""}[damage])
        source = Coco(broken.root)
        for attempt in (lambda: source.verify("val"), lambda: source.load(key("val", 4), 4)):
            with pytest.raises(ValueError, match=re.escape(f"{path} cannot be decoded as an image")):
                attempt()
        Coco(broken.root, check_files=False).verify("val")

    def test_image_of_another_size(self, broken):
        path = broken.root / "val2017" / "000000000004.jpg"
        Image.new("RGB", (20, 30)).save(path)
        source = Coco(broken.root)
        message = r"0004.jpg: expected 51x60 pixels as its annotations say, but it has 20x30"
        for attempt in (lambda: source.verify("val"), lambda: source.load(key("val", 4), 4)):
            with pytest.raises(ValueError, match=message.replace("51x60", r"\d+x\d+")):
                attempt()

    def test_an_image_that_vanishes_later(self, broken):
        source = Coco(broken.root)
        source.verify("val")
        (broken.root / "val2017" / "000000000004.jpg").unlink()
        with pytest.raises(FileNotFoundError, match=r"000000000004.jpg is not there"):
            source.load(key("val", 4), 4)

    @pytest.mark.parametrize("unknown", ["val/7.jpg", "test/000000000000.jpg", 5])
    def test_unknown_image(self, coco, unknown):
        with pytest.raises(KeyError, match=r"unknown image .*; expected .* such as train/<name>"):
            coco.load(unknown, 0)

    @pytest.mark.parametrize("class_id", [-1, 8])
    def test_unknown_class(self, coco, class_id):
        for attempt in (
            lambda: coco.load(key("val", 0), class_id),
            lambda: coco.images(class_id, "val"),
            lambda: coco.class_name(class_id),
        ):
            with pytest.raises(KeyError, match=rf"unknown class {class_id}; expected 0 to 7"):
                attempt()


@pytest.fixture
def mini(shared) -> Path:
    return shared / "data" / "coco_mini"


class TestRealPhotographs:
    """Against pycocotools' own reading of the same files."""

    @pytest.mark.slow
    @pytest.mark.parametrize(("split", "crowds_there"), [("train", 0), ("val", 1)])
    def test_masks_and_lists(self, mini, split, crowds_there):
        from pycocotools.coco import COCO

        source = Coco(mini)
        with contextlib.redirect_stdout(io.StringIO()):
            theirs = COCO(str(mini / "annotations" / f"instances_{split}2017.json"))
        numbers = sorted(theirs.getCatIds())
        assert len(source.classes(split)) == len(numbers) == 80
        crowds = 0
        for class_id, number in enumerate(numbers):
            listed = set()
            for image_id in theirs.getImgIds(catIds=[number]):
                objects, crowd = (
                    [theirs.annToMask(a) for a in theirs.loadAnns(theirs.getAnnIds([image_id], [number], iscrowd=flag))]
                    for flag in (False, True)
                )
                shape = (theirs.imgs[image_id]["height"], theirs.imgs[image_id]["width"])
                union = np.any([np.zeros(shape), *objects], axis=0)
                truth = np.where(union, 1, np.where(np.any([np.zeros(shape), *crowd], axis=0), 255, 0))
                name = f"{split}/{theirs.imgs[image_id]['file_name']}"
                np.testing.assert_array_equal(source.load(name, class_id)[1], truth)
                crowds += bool(crowd)
                if union.any():
                    listed.add(name)
            assert set(source.images(class_id, split)) == listed
        assert crowds == crowds_there

    def test_all_files_are_whole(self, mini, monkeypatch):
        checked = []
        monkeypatch.setattr(file_source, "check_image", lambda *args: (checked.append(args), check_image(*args))[1])
        source = Coco(mini)
        source.verify("train")
        source.verify("val")
        assert len(checked) == 355
