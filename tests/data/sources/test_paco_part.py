"""The sources ``PacoPart`` and ``PacoPartReleased``: objects cut out by their boxes, the same from both formats."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from PIL import Image

from fakes.paco_part import BEYOND, OUTSIDE, PARTS, FakePaco, write_paco
from sansa_lightning.data.episodes.every_image import EveryImageEpisodes
from sansa_lightning.data.episodes.manifest import ManifestEpisodes, write_manifest
from sansa_lightning.data.episodes.samplers import RandomEpisodes
from sansa_lightning.data.protocols.base import Pool
from sansa_lightning.data.protocols.class_lists import AllClasses
from sansa_lightning.data.sources.abilities import image_count
from sansa_lightning.data.sources.object_source import picture_of
from sansa_lightning.data.sources.paco_part import PacoPart, PacoPartReleased

SOURCES = [PacoPart, PacoPartReleased]


@pytest.fixture(scope="module")
def paco(tmp_path_factory) -> FakePaco:
    return write_paco(tmp_path_factory.mktemp("fake") / "PACO-Part")


@pytest.fixture
def broken(tmp_path) -> FakePaco:
    return write_paco(tmp_path / "PACO-Part", images=4)


@pytest.mark.parametrize("split", ["train", "val"])
@pytest.mark.parametrize("source", SOURCES)
def test_objects_are_cut_out_by_their_boxes(source, paco, split):
    source = source(paco.root)
    for class_id in source.classes(split):
        there = [key for key, category in paco.truth if category == class_id and key.startswith(split)]
        assert sorted(source.images(class_id, split)) == sorted(there)
        for key in there:
            image, mask = source.load(key, class_id)
            np.testing.assert_array_equal(mask, paco.truth[key, class_id])
            x0, y0, x1, y1 = paco.windows[key]
            stored = np.asarray(Image.open(paco.root / "coco" / picture_of(key).removeprefix(f"{split}/")))
            np.testing.assert_array_equal(image, stored[y0:y1, x0:x1])


def test_special_objects_are_there(paco):
    """One part reaches beyond its object's box, another lies outside and is not listed."""
    source = PacoPart(paco.root)
    keys = [key for key in paco.windows if key.startswith(f"val/val2017/{BEYOND:012d}")]
    assert len(keys) == 2
    for key in keys:
        mask = next(mask for (other, _), mask in paco.truth.items() if other == key)
        assert mask[:, :5].all()
        assert not mask[:, 5:].any()
    outside = [key for key in paco.windows if key.startswith(f"val/val2017/{OUTSIDE:012d}")]
    assert not set(outside) & set(source.images(300, "val"))
    assert set(outside) <= set(source.images(190, "val"))
    assert not source.load(outside[0], 300)[1].any()


def test_classes_are_the_parts(paco):
    source = PacoPart(paco.root)
    assert source.classes("val") == (120, 121, 190, 300)
    assert [source.class_name(number) for number, _ in PARTS] == [name for _, name in PARTS]
    assert PacoPartReleased(paco.root).class_name(190) == "category 190"


def test_both_formats_give_equal_episodes(paco):
    one, other = (source(paco.root) for source in SOURCES)
    assert one.name == other.name
    for class_id in one.classes("train"):
        assert set(one.images(class_id, "train")) == set(other.images(class_id, "train"))


def test_pictures_are_counted_once(paco):
    source = PacoPart(paco.root)
    keys = source.images(190, "val")
    assert image_count(source, 190, "val") == len({picture_of(key) for key in keys}) < len(keys)


@pytest.mark.parametrize("episodes", [RandomEpisodes, EveryImageEpisodes])
@pytest.mark.parametrize("shots", [1, 2, 5])
def test_no_two_images_of_an_episode_are_of_one_picture(paco, episodes, shots, tmp_path):
    source = PacoPart(paco.root)
    pools = AllClasses(min_images=2).pools(source, "test")
    assert any(len(source.images(c, "val")) > image_count(source, c, "val") for c in pools[0].classes)
    drawn = episodes(pools, shots, 1, 0, 300)
    for episode in drawn:
        taken = {picture_of(key) for key in episode.references}
        assert len(taken) == min(shots, image_count(source, episode.class_id, "val") - 1)
        assert not taken & {picture_of(key) for key in episode.targets}
    write_manifest(drawn, tmp_path / "manifest.jsonl")
    read = ManifestEpisodes(tmp_path / "manifest.jsonl")
    read.check(pools)
    assert list(read) == list(drawn)


def test_training_targets_are_of_pictures_of_their_own(paco):
    source = PacoPart(paco.root)
    for episode in RandomEpisodes(AllClasses(min_images=2).pools(source, "test"), 1, 3, 0, 300):
        shown = {picture_of(key) for key in episode.targets}
        assert len(shown) == min(3, image_count(source, episode.class_id, "val") - 1)
        assert picture_of(episode.references[0]) not in shown


def test_pictures_are_drawn_and_then_one_of_their_objects(paco):
    """As released (docs/sansa.md 4.5): a picture with many objects does not come up more often than others."""
    source = PacoPart(paco.root)
    pools = [Pool(source, "val", (190,))]
    drawn = Counter(episode.targets[0] for episode in RandomEpisodes(pools, 1, 1, 0, 4000))
    keys, pictures = source.images(190, "val"), image_count(source, 190, "val")
    assert set(drawn) == set(keys)
    per_picture = Counter(picture_of(key) for key in keys)
    for key in keys:
        expected = 4000 / pictures / per_picture[picture_of(key)]
        assert abs(drawn[key] - expected) < 4 * expected**0.5


def test_train_entries_that_are_listed_twice_count_once(broken):
    before = PacoPartReleased(broken.root).images(190, "train")
    broken.edit_pickle("train", lambda content: content["cid2img"][190].extend(content["cid2img"][190]))
    assert PacoPartReleased(broken.root).images(190, "train") == before
    assert before


@pytest.mark.parametrize("source", SOURCES)
def test_verify(source, broken):
    source(broken.root).verify("val")
    (broken.root / "coco" / "val2017" / "000000000002.jpg").unlink()
    with pytest.raises(FileNotFoundError, match=r"000000000002.jpg"):
        source(broken.root).verify("val")


PARTS_OUT = "parts left out, whose object is not in the file, not in the same image or without a box"


@pytest.mark.parametrize(
    ("change", "what"),
    [
        (lambda c: c["annotations"][2].pop("obj_ann_id"), PARTS_OUT),
        (lambda c: c["annotations"][2].update(obj_ann_id=9), PARTS_OUT),
        (lambda c: c["annotations"][2].update(obj_ann_id=503), PARTS_OUT),
        (
            lambda c: c["annotations"][2].update(category_id=9),
            "annotations left out, whose category is not in the file",
        ),
        (
            lambda c: c["annotations"][2].update(segmentation=4),
            "annotations left out, with a segmentation that cannot be",
        ),
        (lambda c: c["annotations"][2].update(segmentation=None), "annotations left out, without a segmentation"),
    ],
)
def test_parts_that_cannot_be_used_are_left_out_and_counted(broken, change, what):
    broken.edit("val", change)
    (told,) = PacoPart(broken.root).notes("val")
    assert told.what.startswith(what)
    assert (told.count, told.first.split(",")[0].split(":")[0]) == (1, "annotation 502")


@pytest.mark.parametrize("box", [[1, 2, 3], [1, 2, 3, None], None])
def test_parts_of_an_object_without_a_box_are_left_out_and_counted(broken, box):
    broken.edit("val", lambda c: c["annotations"][0].update(bbox=box))
    (told,) = PacoPart(broken.root).notes("val")
    assert (told.what, told.count) == (PARTS_OUT, 4)


def test_ids_as_text_and_floats(broken):
    def everything():
        source = PacoPart(broken.root)
        return [
            (key, class_id, source.load(key, class_id)[1].tolist())
            for class_id in source.classes("val")
            for key in source.images(class_id, "val")
        ]

    whole = everything()
    broken.edit(
        "val", lambda c: [a.update(obj_ann_id=f"{a['obj_ann_id']}", id=float(a["id"])) for a in c["annotations"]]
    )
    assert everything() == whole


class TestMistakes:
    @pytest.mark.parametrize(
        ("change", "message"),
        [
            (lambda c: c["annotations"].clear(), r"expected annotations of parts \(obj_ann_id is not their own id\)"),
            (
                lambda c: c["annotations"].append({**c["annotations"][0], "bbox": [1, 2, 3, 4]}),
                r"expected one box per object, but annotation 500 has two; 1 object in all",
            ),
            (
                lambda c: [a.update(segmentation=4) for a in c["annotations"]],
                r"none of its \d+ annotations can be used: \d+ annotations left out, with a segmentation that can",
            ),
            (
                lambda c: [a.pop("bbox") for a in c["annotations"]],
                r"expected annotations of parts .*, but there are none; \d+ parts left out, whose object is not in the",
            ),
            (
                lambda c: c["images"][0].update(file_name="x.jpg"),
                r"image 40, .*: expected the name of a picture in 2.*; 1 of 4 im",
            ),
        ],
    )
    def test_json(self, broken, change, message):
        broken.edit("val", change)
        with pytest.raises(ValueError, match=rf"paco_lvis_v1_val.json: {message}"):
            PacoPart(broken.root).classes("val")

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            (lambda c: c.pop("cid2img"), r"expected a dictionary with the dictionaries 'cid2img' and 'img2anno'"),
            (
                lambda c: c["cid2img"].clear(),
                r"cid2img: expected a dictionary with an entry for each class, but got \{\}",
            ),
            (lambda c: c["img2anno"].update({key: [] for key in c["img2anno"]}), r"expected annotations of parts"),
            (lambda c: c["cid2img"].update(x=[]), r"cid2img: expected each class once, as a number, .* got 'x'"),
            (lambda c: c["cid2img"].update({190: {}}), r"cid2img, class 190: expected a list of images, but got \{\}"),
            (
                lambda c: c["img2anno"][40][0].update(category_id="x"),
                r"class \d+, image 40: expected .*, and numbers as ids; 1 of \d+ differ",
            ),
            (lambda c: c["cid2img"][190].append(5), r"cid2img, class 190: expected \{image id: picture\}, but got 5"),
            (lambda c: c["cid2img"][190].append({5: "x.jpg"}), r"class 190, image 5: expected the name of a picture"),
            (lambda c: c["img2anno"].pop(40), r"class \d+, image 40: expected img2anno to list its parts with"),
            (
                lambda c: c["img2anno"][40][0].pop("obj_bbox"),
                r"class \d+, image 40: expected img2anno to list its parts",
            ),
            (lambda c: c["img2anno"][40][0].update(obj_bbox=5), r"class \d+, image 40: expected a box of four numbers"),
        ],
    )
    def test_pickle(self, broken, change, message):
        broken.edit_pickle("val", change)
        with pytest.raises(ValueError, match=rf"paco_part_val.pkl: {message}"):
            PacoPartReleased(broken.root).classes("val")

    def test_missing_annotations(self, broken):
        broken.json("val").unlink()
        with pytest.raises(FileNotFoundError, match=r"paco_lvis_v1_val.json is not there; expected PACO-LVIS's annot"):
            PacoPart(broken.root).classes("val")
