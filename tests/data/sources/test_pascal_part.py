"""The source ``PascalPart``: groups, classes, and objects cut out by their boxes."""

from __future__ import annotations

import re

import numpy as np
import pytest
from PIL import Image

from fakes.pascal_part import NAMES, FakePascalPart, write_pascal_part
from sansa_lightning.data.episodes.samplers import RoundRobinEpisodes
from sansa_lightning.data.protocols.class_lists import AllClasses
from sansa_lightning.data.sources.abilities import image_count
from sansa_lightning.data.sources.object_source import picture_of
from sansa_lightning.data.sources.pascal_part import PascalPart

GROUPS = {"animals": (0, 1, 2), "indoor": (3,), "person": (4, 5), "vehicles": (6, 7), None: tuple(range(8))}


@pytest.fixture(scope="module")
def pascal(tmp_path_factory) -> FakePascalPart:
    return write_pascal_part(tmp_path_factory.mktemp("fake") / "Pascal-Part")


@pytest.fixture
def broken(tmp_path) -> FakePascalPart:
    return write_pascal_part(tmp_path / "Pascal-Part", pictures=2)


@pytest.mark.parametrize(("group", "classes"), GROUPS.items())
def test_groups_are_the_folds_of_the_literature(pascal, group, classes):
    source = PascalPart(pascal.root, group)
    assert source.classes("train") == source.classes("val") == classes
    assert tuple(source.class_name(class_id) for class_id in classes) == tuple(NAMES[c] for c in classes)


@pytest.mark.parametrize("split", ["train", "val"])
def test_objects_are_cut_out_by_their_boxes(pascal, split):
    source = PascalPart(pascal.root)
    for class_id in source.classes(split):
        there = [key for key, c in pascal.truth if c == class_id and key.startswith(split)]
        assert list(source.images(class_id, split)) == there
        for key in there:
            image, mask = source.load(key, class_id)
            np.testing.assert_array_equal(mask, pascal.truth[key, class_id])
            x0, y0, x1, y1 = pascal.windows[key]
            name = picture_of(key).removeprefix(f"{split}/")
            stored = np.asarray(Image.open(pascal.voc / "JPEGImages" / name))
            np.testing.assert_array_equal(image, stored[y0:y1, x0:x1])


def test_objects_that_lack_the_part_are_not_shown(pascal):
    source = PascalPart(pascal.root)
    assert (len(source.images(0, "val")), image_count(source, 0, "val")) == (6, 3)
    assert (len(source.images(1, "val")), image_count(source, 1, "val")) == (3, 3)


def test_episodes_show_two_pictures(pascal):
    source = PascalPart(pascal.root, "animals")
    pools = AllClasses().pools(source, "test")
    episodes = list(RoundRobinEpisodes(pools, 1, 1, 0, 300))
    assert [episode.class_id for episode in episodes[:4]] == [0, 1, 2, 0]
    assert all(picture_of(e.references[0]) != picture_of(e.targets[0]) for e in episodes)
    assert {e.targets[0] for e in episodes if e.class_id == 0} == set(source.images(0, "val"))


def test_verify(broken):
    PascalPart(broken.root).verify("val")
    (broken.voc / "JPEGImages" / "2008_dog_1.jpg").unlink()
    with pytest.raises(
        FileNotFoundError,
        match=r"1 of the 12 files of the val split are not there: .*2008_dog_1.jpg$",
    ):
        PascalPart(broken.root).verify("val")
    PascalPart(broken.root, "vehicles").verify("val")
    PascalPart(broken.root).verify("train")


@pytest.mark.parametrize(
    ("change", "note"),
    [
        (
            lambda part: part.update(mask=[5]),
            r"1 annotation left out, with a segmentation that cannot be read .*got 5\)",
        ),
        (lambda part: part.update(mask=None), r"1 annotation left out, without a segmentation \(first: .*, HEAD\)"),
        (lambda part: part["mask"][0].update(size=[4]), r"1 annotation left out, .* run lengths of size \[.*"),
        (
            lambda part: part["mask"][0].update(counts="00"),
            r"1 annotation left out, .* add up to \d+ pixels, but got 0\)",
        ),
    ],
)
def test_masks_that_cannot_be_read_are_left_out_and_counted(broken, change, note):
    before = PascalPart(broken.root, "animals")
    whole = {key: before.load(key, 0)[1] for key in before.images(0, "val")}
    path = broken.annotation("2008_dog_1")
    broken.edit(path, lambda content: change(content["object"][1]["parts"][0]))
    source = PascalPart(broken.root, "animals")
    (told,) = source.notes("val")
    assert re.fullmatch(note, str(told))
    assert told.first.startswith("2008_dog_1.json, object 1, HEAD")
    there = {key: source.load(key, 0)[1] for key in source.images(0, "val")}
    assert all(np.array_equal(mask, whole[key]) for key, mask in there.items() if "dog_1" not in key)
    assert any("dog_1" in key for key in whole)


class TestMistakes:
    def test_group(self, tmp_path):
        with pytest.raises(ValueError, match=r"PascalPart.group: expected one of animals, indoor, .* but got 'plants'"):
            PascalPart(tmp_path, "plants")

    def test_no_index(self, broken):
        broken.index.unlink()
        with pytest.raises(
            FileNotFoundError, match=r"all_obj_part_to_image.json is not there; expected the circulating index"
        ):
            PascalPart(broken.root).classes("val")

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            (lambda c: c.pop("indoor"), r"expected 'indoor' with a dictionary 'object'"),
            (lambda c: c["animals"]["object"]["dog"].clear(), r"expected 'dog' with a dictionary 'part'"),
            (
                lambda c: c["animals"]["object"]["dog"]["part"].update(HEAD={"train": 3}),
                r"dog, HEAD, train: expected a list of pictures, but got \{'train': 3\}",
            ),
            (
                lambda c: c["animals"]["object"]["dog"]["part"]["HEAD"]["val"].append(".."),
                r"dog, HEAD, val: expected the name of a picture in 1 part, but got '..'",
            ),
            (
                lambda c: c["animals"].update(object={}),
                r"expected parts listed in both train and val for animals",
            ),
        ],
    )
    def test_index(self, broken, change, message):
        broken.edit(broken.index, change)
        with pytest.raises(ValueError, match=rf"all_obj_part_to_image.json: {message}"):
            PascalPart(broken.root, "animals").classes("val")

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            (lambda c: c.pop("object"), r"expected a JSON object with a list 'object'"),
            (lambda c: c["object"][1].pop("bndbox"), r"object\[1\] has no bndbox"),
            (
                lambda c: c["object"][1].update(bndbox={"a": 1}),
                r"object 1: expected a box of four numbers, but got \[1\]",
            ),
            (lambda c: c["object"][1]["parts"][0].pop("mask"), r"parts\[0\] has no mask"),
        ],
    )
    def test_annotations(self, broken, change, message):
        broken.edit(broken.annotation("2008_dog_1"), change)
        with pytest.raises(ValueError, match=rf"2008_dog_1.json: {message}"):
            PascalPart(broken.root, "animals").classes("val")

    def test_no_annotations(self, broken):
        broken.annotation("2008_dog_1").unlink()
        with pytest.raises(
            FileNotFoundError, match=r"2008_dog_1.json is not there; expected Pascal-Part's annotations"
        ):
            PascalPart(broken.root).classes("val")
