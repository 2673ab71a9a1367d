"""The sources ``Lvis`` and ``LvisReleased``: the same classes, images and masks from both formats."""

from __future__ import annotations

import pickle
import re
from pathlib import Path

import numpy as np
import pytest

from fakes.lvis import CATEGORIES, NONE, RARE, FakeLvis, write_lvis
from fakes.turned import with_orientation
from sansa_lightning.data.sources.abilities import image_count
from sansa_lightning.data.sources.lvis import Lvis, LvisReleased

SOURCES = [Lvis, LvisReleased]
SQUARE = [[2, 2, 9, 2, 9, 9, 2, 9]]


@pytest.fixture(scope="module")
def lvis(tmp_path_factory) -> FakeLvis:
    return write_lvis(tmp_path_factory.mktemp("fake") / "LVIS")


@pytest.fixture
def broken(tmp_path) -> FakeLvis:
    return write_lvis(tmp_path / "LVIS", images=5)


@pytest.mark.parametrize("split", ["train", "val"])
@pytest.mark.parametrize("source", SOURCES)
def test_masks_are_the_union_of_a_class_s_objects(source, lvis, split):
    source = source(lvis.root)
    for class_id in source.classes(split):
        there = [key for key, category in lvis.truth if category == class_id and key.startswith(split)]
        assert sorted(source.images(class_id, split)) == sorted(there)
        for key in there:
            image, mask = source.load(key, class_id)
            np.testing.assert_array_equal(mask, lvis.truth[key, class_id])
            assert image.shape == (*mask.shape, 3)
            assert image.dtype == mask.dtype == np.uint8


def test_both_formats_give_equal_episodes(lvis):
    one, other = (source(lvis.root) for source in SOURCES)
    for split in ("train", "val"):
        for class_id in other.classes(split):
            assert set(one.images(class_id, split)) == set(other.images(class_id, split))
    assert one.name == other.name


def test_classes_are_category_ids(lvis):
    source = Lvis(lvis.root)
    assert source.classes("val") == tuple(sorted(number for number, _ in CATEGORIES))
    assert [source.class_name(number) for number, _ in CATEGORIES] == [name for _, name in CATEGORIES]
    assert source.listing("val") == source.classes("val")
    assert len(source.images(RARE, "val")) == image_count(source, RARE, "val") == 1
    assert source.images(NONE, "val") == ()


def test_the_pickles_keep_their_order(lvis):
    source = LvisReleased(lvis.root)
    assert source.listing("val") == (17, 3, 900, 40, 256)
    assert source.classes("val") == (3, 17, 40, 256, 900)
    assert source.class_name(17) == "category 17"


def test_val_has_pictures_of_coco_s_train_set(lvis):
    folders = {str(key).split("/")[1] for key in Lvis(lvis.root).images(17, "val")}
    assert folders == {"train2017", "val2017"}


def test_a_class_that_the_image_does_not_show(lvis):
    source = Lvis(lvis.root)
    assert not source.load(source.images(17, "val")[0], NONE)[1].any()


def test_objects_of_no_pixel_do_not_count(broken):
    def collapse(content):
        for annotation in content["annotations"]:
            if annotation["image_id"] == 70 and annotation["category_id"] == 17:
                annotation["segmentation"] = [[2, 2, 2, 2, 2, 2]]

    before = Lvis(broken.root).images(17, "val")
    broken.edit("val", collapse)
    assert Lvis(broken.root).images(17, "val") == before[1:]


@pytest.mark.parametrize("source", SOURCES)
def test_verify(source, broken):
    source(broken.root).verify("val")
    path = broken.root / "coco" / "val2017" / "000000005001.jpg"
    content = path.read_bytes()
    path.write_bytes(content[:-10])
    with pytest.raises(ValueError, match=re.escape(f"{path} cannot be decoded")):
        source(broken.root).verify("val")
    source(broken.root, check_files=False).verify("val")


def everything(source):
    """The masks of val, by key and class."""
    return {
        (key, class_id): source.load(key, class_id)[1].tolist()
        for class_id in source.classes("val")
        for key in source.images(class_id, "val")
    }


@pytest.mark.parametrize(
    ("change", "note"),
    [
        (
            lambda a: a.update(id=900, image_id=5),
            r"annotation left out, whose image .*annotation 900, image_id 5\)",
        ),
        (
            lambda a: a.update(id=900, category_id=[5]),
            r"annotation left out, whose category .*category_id \[5\]\)",
        ),
        (
            lambda a: a.update(id=900, segmentation=[]),
            r"annotation left out, without a segmentation .*annotation 900\)",
        ),
        (lambda a: a.update(id=900), r"annotation left out as duplicates \(first: annotation 900\)"),
        (
            lambda a: a["segmentation"].append([1, 2]),
            r"part of annotations left out, .*annotation 1: expected a polygon.*",
        ),
    ],
)
def test_annotations_that_cannot_be_used_are_left_out_and_counted(broken, lvis, change, note):
    whole = everything(Lvis(broken.root))

    def add(content):
        broken_one = {**content["annotations"][0], "segmentation": [*content["annotations"][0]["segmentation"]]}
        change(broken_one)
        where = 0 if broken_one["id"] == content["annotations"][0]["id"] else len(content["annotations"])
        content["annotations"][where : where + 1] = [broken_one]

    broken.edit("val", add)
    source = Lvis(broken.root)
    assert everything(source) == whole
    (told,) = source.notes("val")
    assert re.fullmatch(rf"1 {note}", str(told))


def test_ids_as_text_and_floats(broken):
    whole = everything(Lvis(broken.root))
    broken.edit(
        "val",
        lambda c: [
            a.update(image_id=float(a["image_id"]), category_id=str(a["category_id"])) for a in c["annotations"]
        ],
    )
    broken.edit("val", lambda c: [i.update(id=str(i["id"]), height=float(i["height"])) for i in c["images"]])
    assert everything(Lvis(broken.root)) == whole


def test_crowds_are_objects_and_counted(broken):
    broken.edit("val", lambda c: c["annotations"][0].update(iscrowd=1))
    (told,) = Lvis(broken.root).notes("val")
    assert str(told) == "1 crowd region (iscrowd) used as objects (first: annotation 1)"


def test_notes_survive_the_index(broken, tmp_path, monkeypatch):
    monkeypatch.setenv("SANSA_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("sansa_lightning.data.formats.index_cache.LEAST_BYTES", 0)
    broken.edit("val", lambda c: c["annotations"][0].update(segmentation=None))
    first = Lvis(broken.root).notes("val")
    monkeypatch.setattr(Lvis, "read_file", None)
    assert Lvis(broken.root).notes("val") == first
    assert [note.count for note in first] == [1]


@pytest.mark.parametrize(
    ("bad", "note"),
    [
        ({}, r"1 annotation left out, without a segmentation \(first: class 17, train2017/.*\)"),
        (5, r"1 annotation left out, without a segmentation .*"),
        ({"segmentation": np.zeros((2, 2))}, r"1 annotation left out, .* expected an array of size .*"),
        ({"segmentation": [[1, 2, 3, 4]]}, r"1 annotation left out, .* at least three points.*"),
    ],
)
def test_pickled_annotations_that_cannot_be_used_are_left_out_and_counted(broken, bad, note):
    whole = everything(LvisReleased(broken.root))
    broken.edit_pickle("val", lambda c: next(iter(c[17].values()))["annotations"].append(bad))
    source = LvisReleased(broken.root)
    assert everything(source) == whole
    (told,) = source.notes("val")
    assert re.fullmatch(note, str(told))


def test_a_polygon_before_run_lengths_of_the_stored_size(tmp_path):
    stored = {"size": [20, 32], "counts": [600, 40]}
    file = "val2017/a.jpg"
    with_orientation(tmp_path / "coco" / file, np.zeros((20, 32, 3), np.uint8), 6)
    lists = {number: {file: {"annotations": [{"segmentation": form}]}} for number, form in ((3, SQUARE), (4, stored))}
    (tmp_path / "lvis_val.pkl").write_bytes(pickle.dumps(lists))
    source = LvisReleased(tmp_path)
    assert source.notes("val") == ()
    assert [source.load(f"val/{file}", number)[1].shape for number in (3, 4)] == [(20, 32)] * 2
    assert source.load(f"val/{file}", 4)[1][:, 28:].sum() == 40  # two columns of 20 pixels


@pytest.mark.parametrize("form", ["/home/someone/coco/{}", "C:/data/{}", "{}"])
def test_pickled_names_in_other_forms(broken, form):
    """Absolute ones, or with backslashes."""
    whole = everything(LvisReleased(broken.root))

    def rename(content):
        for class_id in content:
            content[class_id] = {
                form.format(file).replace("/", "\\"): about for file, about in content[class_id].items()
            }

    broken.edit_pickle("val", rename)
    assert everything(LvisReleased(broken.root)) == whole


class TestMistakes:
    def test_missing_pictures(self, broken):
        for index in (1, 4):
            (broken.root / "coco" / "val2017" / f"{5000 + index:012d}.jpg").unlink()
        message = r"lvis in .*: 2 of the 5 files that .*/lvis_v1_val.json lists are not there: .*/000000005001.jpg, "
        with pytest.raises(FileNotFoundError, match=message):
            Lvis(broken.root, check_files=False).verify("val")
        with pytest.raises(FileNotFoundError, match=r"00000000500[14].jpg is not there"):
            LvisReleased(broken.root).verify("val")

    def test_missing_annotations(self, broken):
        broken.json("val").unlink()
        with pytest.raises(FileNotFoundError, match=r"lvis_v1_val.json is not there; expected LVIS v1's annotations"):
            Lvis(broken.root).classes("val")
        broken.pickle("val").unlink()
        with pytest.raises(FileNotFoundError, match=r"lvis_val.pkl is not there; expected a pickle"):
            LvisReleased(broken.root).classes("val")

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            (lambda c: c.pop("images"), r"expected a JSON object with a list 'images'"),
            (
                lambda c: c["categories"].clear(),
                r"expected at least one category with an id, but 'categories' has none",
            ),
            (
                lambda c: [each.update(id=f"c{each['id']}") for each in c["categories"][:2]],
                r"expected ids of categories to be numbers, but got 'c17'; 2 are none|none of its",
            ),
            (
                lambda c: [c["images"][1].update(id=70), c["annotations"].clear()],
                r"expected one picture per id, of one size, but image 70 is 'train2017/.*; 1 are like this",
            ),
            (
                lambda c: c["images"][1].update(coco_url="../x.jpg"),
                r"image 71, .*: expected the name .* got '../x.jpg'; 1 of 5 images have such a name",
            ),
            (
                lambda c: [a.update(segmentation=[]) for a in c["annotations"]],
                r"none of its \d+ annotations can be used: \d+ annotations left out, without a segmentation",
            ),
        ],
    )
    def test_json(self, broken, change, message):
        broken.edit("val", change)
        with pytest.raises(ValueError, match=rf"lvis_v1_val.json: {message}"):
            Lvis(broken.root).classes("val")

    def test_truncated_json(self, broken):
        text = broken.json("val").read_text()
        broken.json("val").write_text(text[:-100])
        with pytest.raises(ValueError, match=r"lvis_v1_val.json is not valid JSON \(truncated\?\)"):
            Lvis(broken.root).classes("val")

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            (lambda c: c.clear(), r"expected a dictionary with an entry for each class, but got \{\}"),
            (lambda c: c.update({3: 4}), r"class 3: expected a dictionary picture -> annotations, but got 4"),
            (lambda c: c.update({"3": c[3]}), r"expected each class once, as a number, but got '3'"),
            (lambda c: c.update({"3\u00b2": c[3]}), r"expected each class once, as a number, but got '3.'"),
            (lambda c: c.update({True: c[3]}), r"expected each class once, as a number, but got True"),
            (lambda c: c.update(x={}), r"expected each class once, as a number, but got 'x'"),
            (
                lambda c: c[17].update({next(iter(c[17])): []}),
                r"class 17, train2017/\d+.jpg: expected a dictionary with a list 'annotations', but got \[\]",
            ),
            (
                lambda c: c[3].update({"../x.jpg": {"annotations": []}}),
                r"class 3: expected the name of a picture .*'../x.jpg'",
            ),
        ],
    )
    def test_pickle(self, broken, change, message):
        broken.edit_pickle("val", change)
        with pytest.raises(ValueError, match=rf"lvis_val.pkl: {message}"):
            LvisReleased(broken.root).classes("val")

    @pytest.mark.parametrize("unknown", ["val/x.jpg", "test/a", 5])
    def test_unknown_image(self, lvis, unknown):
        with pytest.raises(KeyError, match=r"lvis in .*: unknown image .*; expected a key that images\(\) gives"):
            Lvis(lvis.root).load(unknown, 17)

    def test_unknown_class(self, lvis):
        source = Lvis(lvis.root)
        for attempt in (
            lambda: source.images(5, "val"),
            lambda: source.class_name(5),
            lambda: source.load(source.images(17, "val")[0], 5),
        ):
            with pytest.raises(KeyError, match=r"unknown class 5; expected one of 6 from 3 to 1203"):
                attempt()

    def test_a_picture_of_another_size(self, broken):
        from PIL import Image

        path = broken.root / "coco" / "val2017" / "000000005001.jpg"
        Image.new("RGB", (7, 9)).save(path)
        source = Lvis(broken.root)
        for attempt in (lambda: source.verify("val"), lambda: source.load("val/val2017/000000005001.jpg", 17)):
            with pytest.raises(ValueError, match=r"000000005001.jpg: expected \d+x\d+ pixels .*, but it has 7x9"):
                attempt()


def test_other_files(broken):
    broken.json("val").rename(broken.root / "mine.json")
    source = Lvis(broken.root, val_annotations=Path("mine.json"), name="mine")
    assert (str(source), len(source.images(17, "val"))) == (f"mine in {broken.root}", 3)
