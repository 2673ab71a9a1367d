"""The source ``Coco`` on files as labelling tools write them: the same masks as of the plain file, the rest counted."""

from __future__ import annotations

import pickle
import re
import shutil

import numpy as np
import pytest

from fakes.coco import CROWD, CROWD_ALONE, NAMES
from sansa_lightning.data.formats.notes import as_counts
from sansa_lightning.data.formats.picture_checks import AS_SIZED
from sansa_lightning.data.sources.coco import Coco

IGNORED = "crowd regions (iscrowd) ignored (crowds: objects would use them as objects)"


def key(split: str, index: int) -> str:
    return f"{split}/{index:012d}.jpg"


def everything(source, split):
    """What a source has of a split."""
    return {
        (key, class_id): source.load(key, class_id)[1].tolist()
        for class_id in source.classes(split)
        for key in source.images(class_id, split)
    }


class TestCrowds:
    def test_they_are_counted(self, coco):
        assert as_counts(coco.notes("val")) == {IGNORED: 2}
        assert coco.notes("val")[0].first.startswith("annotation ")

    def test_they_may_be_objects(self, fake):
        source = Coco(fake.root, crowds="objects")
        crowd = key("val", CROWD_ALONE)
        assert crowd in source.images(CROWD_ALONE % 7, "val")
        np.testing.assert_array_equal(source.load(crowd, CROWD_ALONE % 7)[1], fake.truth[crowd, CROWD_ALONE % 7] == 255)
        np.testing.assert_array_equal(
            source.load(key("val", CROWD), CROWD % 7)[1], fake.truth[key("val", CROWD), CROWD % 7] != 0
        )
        assert as_counts(source.notes("val")) == {"crowd regions (iscrowd) used as objects": 2}
        assert source.object_count(CROWD % 7, "val") == Coco(fake.root).object_count(CROWD % 7, "val") + 1

    @pytest.mark.parametrize(("yes", "no"), [(True, False), ("1", "0"), (1.0, 0.0), ("true", None), (1, "")])
    def test_every_way_to_say_so(self, broken, coco, yes, no):
        broken.edit("val", lambda c: [a.update(iscrowd=yes if a["iscrowd"] else no) for a in c["annotations"]])
        source = Coco(broken.root)
        assert everything(source, "val") == everything(coco, "val")
        assert as_counts(source.notes("val")) == {IGNORED: 2}

    def test_nothing_said_is_no_crowd(self, broken):
        broken.edit("val", lambda c: [a.pop("iscrowd") for a in c["annotations"]])
        assert everything(Coco(broken.root), "val") == everything(Coco(broken.root, crowds="objects"), "val")

    def test_both_readings_are_kept_apart(self, fake, tmp_path, monkeypatch):
        monkeypatch.setenv("SANSA_CACHE", str(tmp_path))
        monkeypatch.setattr("sansa_lightning.data.formats.index_cache.LEAST_BYTES", 0)
        for crowds in ("ignore", "objects") * 2:
            found = Coco(fake.root, crowds=crowds)
            assert (key("val", CROWD_ALONE) in found.images(CROWD_ALONE % 7, "val")) == (crowds == "objects")


def ids_as(form):
    """A change that writes all ids so."""

    def change(content):
        for entry in (entry for entries in content.values() for entry in entries):
            entry |= {name: form(entry[name]) for name in entry if name == "id" or name.endswith("_id")}

    return change


@pytest.mark.parametrize("form", [str, float, lambda n: f"{n}.0", lambda n: n if n % 2 else str(n)])
def test_ids_as_text_and_as_floats(broken, coco, form):
    broken.edit("val", ids_as(form))
    source = Coco(broken.root)
    assert everything(source, "val") == everything(coco, "val")
    assert tuple(source.class_name(c) for c in range(8)) == NAMES
    image, category = source.ids_in_file(key("val", 3), 0)
    assert (image, category) == (form(1003), form(2))


def test_ids_that_are_names(broken, coco):
    broken.edit("val", ids_as(lambda number: f"n{number:03d}"))
    source = Coco(broken.root)
    assert everything(source, "val") == everything(coco, "val")
    assert source.ids_in_file(key("val", 3), 0) == ("n1003", "n002")


def test_references_written_otherwise_than_ids(broken, coco):
    broken.edit(
        "val",
        lambda c: [a.update(image_id=str(a["image_id"]), category_id=1.0 * a["category_id"]) for a in c["annotations"]],
    )
    assert everything(Coco(broken.root), "val") == everything(coco, "val")


def test_sizes_as_floats_and_as_text(broken, coco):
    broken.edit("val", lambda c: [i.update(height=float(i["height"]), width=str(i["width"])) for i in c["images"]])
    source = Coco(broken.root)
    source.verify("val")
    assert everything(source, "val") == everything(coco, "val")


@pytest.mark.parametrize(
    ("change", "note"),
    [
        (
            lambda c: c["annotations"].append(None),
            r"1 annotation left out, whose entry is no JSON object \(first: annotations\[",
        ),
        (
            lambda c: c["annotations"].append(dict(c["annotations"][0], id=900, image_id=77)),
            r"1 annotation left out, whose image is not in the file.* \(first: annotation 900, image_id 77\)",
        ),
        (
            lambda c: c["annotations"].append(dict(c["annotations"][0], id=900, image_id=[1])),
            r"1 annotation left out, whose image .* \(first: annotation 900, image_id \[1\]\)",
        ),
        (
            lambda c: c["annotations"].append(dict(c["annotations"][0], id=900, category_id=None)),
            r"1 annotation left out, whose category .* \(first: annotation 900, category_id None\)",
        ),
        (
            lambda c: c["annotations"].append(dict(c["annotations"][0], id="x", iscrowd=7)),
            r"1 annotation left out, whose iscrowd is neither 0 nor 1 \(first: annotation 'x', iscrowd 7\)",
        ),
        (
            lambda c: c["annotations"].extend([dict(c["annotations"][0], segmentation=None)] * 3),
            r"3 annotations left out, without a segmentation \(first: annotation 1\)",
        ),
        (
            lambda c: c["annotations"].extend(c["annotations"][:2]),
            r"2 annotations left out as duplicates \(first: annotation 1\)",
        ),
        (
            lambda c: c["images"].append({"id": 3, "file_name": "x.jpg"}),
            r"1 image left out, without .*first: image 3\)",
        ),
        (lambda c: c["images"].append(5), r"1 image left out, without an id, .* \(first: images\[14\]\)"),
        (
            lambda c: c["images"].append(dict(c["images"][0], id=9, file_name=None)),
            r"1 image left out, without an id, a name or a size in pixels \(first: image 9\)",
        ),
        (
            lambda c: c["images"].append(dict(c["images"][0], id=9, height=65_535, width=65_535, file_name="x.jpg")),
            r"1 image left out, .*\(first: image 9\)",
        ),
        (
            lambda c: c["images"].append(c["images"][2]),
            r"1 entry of images left out as duplicates \(first: image 1002, .*\)",
        ),
        (lambda c: c["categories"].append(None), r"1 category left out, without an id \(first: categories\[8\]\)"),
        (
            lambda c: c["categories"].append(c["categories"][0]),
            r"1 category left out as duplicates \(first: category 7\)",
        ),
    ],
)
def test_entries_that_cannot_be_used_are_left_out_and_counted(broken, coco, change, note):
    broken.edit("val", change)
    source = Coco(broken.root)
    source.verify("val")
    assert everything(source, "val") == everything(coco, "val")
    (told,) = [str(each) for each in source.notes("val") if each.what not in (IGNORED, AS_SIZED)]
    assert re.fullmatch(note.removesuffix("\\[") + ".*", told)


def test_a_picture_under_two_ids_is_one(broken, coco):
    """Half of its annotations name the other id."""

    def change(content):
        content["images"].append(dict(content["images"][3], id=77))
        for number, annotation in enumerate(a for a in content["annotations"] if a["image_id"] == 1003):
            annotation["image_id"] = 77 if number % 2 else 1003

    broken.edit("val", change)
    source = Coco(broken.root)
    assert everything(source, "val") == everything(coco, "val")
    assert source.ids_in_file(key("val", 3), 0)[0] == 1003
    assert as_counts(source.notes("val"))["images merged with another id of the same picture"] == 1


@pytest.mark.parametrize(
    ("name", "called"), [(5, "5"), (2.5, "2.5"), (None, "category 2"), (" ", "category 2"), ([], "category 2")]
)
def test_names_of_categories(broken, name, called):
    for split in ("train", "val"):
        broken.edit(split, lambda c: c["categories"][1].update(name=name))
    source = Coco(broken.root)
    source.classes("train")
    assert source.class_name(0) == called
    nameless = "categories without a name, called by the id"
    assert as_counts(source.notes("val")).get(nameless, 0) == called.startswith("category")


class TestFileNames:
    def rename(self, broken, form):
        broken.edit("val", lambda c: [i.update(file_name=form(i["file_name"])) for i in c["images"]])
        source = Coco(broken.root)
        source.verify("val")
        return source

    def test_absolute_below_the_folder(self, broken, coco):
        source = self.rename(broken, lambda name: f"{broken.root}/val2017/{name}")
        assert everything(source, "val") == everything(coco, "val")

    def test_absolute_below_a_link_to_the_folder(self, broken, coco, tmp_path):
        (tmp_path / "link").symlink_to(broken.root)
        source = self.rename(broken, lambda name: f"{tmp_path}/link/val2017/{name}")
        assert everything(source, "val") == everything(coco, "val")

    def test_absolute_and_pictures_that_are_links(self, broken, coco, tmp_path):
        (broken.root / "val2017").rename(tmp_path / "store")
        (broken.root / "val2017").mkdir()
        for file in (tmp_path / "store").iterdir():
            (broken.root / "val2017" / file.name).symlink_to(file)
        source = self.rename(broken, lambda name: f"{broken.root}/val2017/{name}")
        assert everything(source, "val") == everything(coco, "val")

    def test_a_kept_index_knows_no_root(self, broken, coco, tmp_path, monkeypatch):
        """The same file in two places, once with the names of the first: what is kept must not be of either."""
        monkeypatch.setenv("SANSA_CACHE", str(tmp_path / "cache"))
        monkeypatch.setattr("sansa_lightning.data.formats.index_cache.LEAST_BYTES", 0)
        first = self.rename(broken, lambda name: f"{broken.root}/val2017/{name}")
        copy = pickle.loads(pickle.dumps(first))  # noqa: S301 - our own object, as spawned workers get it
        assert everything(copy, "val") == everything(coco, "val")
        shutil.copytree(broken.root, tmp_path / "moved")
        with pytest.raises(ValueError, match=r"below .*moved/val2017, but 14 of 14 are absolute and lead elsewhere"):
            Coco(tmp_path / "moved").classes("val")
        assert everything(Coco(broken.root), "val") == everything(coco, "val")

    def test_backslashes(self, broken, coco):
        (broken.root / "val2017" / "deep").mkdir()
        for file in (broken.root / "val2017").glob("*.jpg"):
            file.rename(file.parent / "deep" / file.name)
        source = self.rename(broken, lambda name: f"deep\\{name}")
        found = {(name.replace("deep/", ""), c): mask for (name, c), mask in everything(source, "val").items()}
        assert found == everything(coco, "val")

    def test_a_file_whose_name_has_a_backslash(self, broken):
        """As an archive of Windows is unpacked on Linux."""
        for file in (broken.root / "val2017").glob("*.jpg"):
            file.rename(file.with_name(f"deep\\{file.name}"))
        source = self.rename(broken, lambda name: f"deep\\{name}")
        assert source.load(f"val/deep\\{3:012d}.jpg", 3)[1].any()

    def test_missing_ones_with_backslashes(self, broken):
        message = (
            r"14 of the 14 files .* are not there: .*; 14 names of pictures with backslashes, taken for separators"
        )
        with pytest.raises(FileNotFoundError, match=message):
            self.rename(broken, lambda name: f"deep\\{name}")

    @pytest.mark.parametrize("name", ["..\\{}", "a\\..\\..\\{}", "../{}"])
    def test_upwards(self, broken, name):
        with pytest.raises(
            ValueError, match=r"expected the name of a picture below a folder, .*; 14 of 14 images have"
        ):
            self.rename(broken, name.format)
