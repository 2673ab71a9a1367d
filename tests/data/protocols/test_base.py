"""Folds and pools."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from sansa_lightning.data.formats.notes import Note
from sansa_lightning.data.protocols.base import Chosen, InDomain, Pool, Strict
from sansa_lightning.data.sources.base import Source
from sansa_lightning.data.sources.coco import Coco


class Listed(Coco):
    """A source of any number of classes with any number of images, without files."""

    def __init__(self, counts: list[int], names: dict[int, str] | None = None) -> None:
        super().__init__(Path("none"))
        self.counts = counts
        self.names = names or {}

    def classes(self, split):
        return tuple(range(len(self.counts)))

    def class_name(self, class_id):
        return self.names.get(class_id, f"thing {class_id}")

    def class_label(self, class_id):
        return Source.class_label(self, class_id)

    def images(self, class_id, split):
        return tuple(f"{split}/{class_id}-{i}" for i in range(self.counts[class_id]))

    def notes(self, split):
        return ()


@pytest.mark.parametrize("fold", range(4))
@pytest.mark.parametrize(
    ("layout", "classes", "unseen"),
    [
        ("interleaved", 80, lambda f: list(range(f, 80, 4))),
        ("contiguous", 20, lambda f: list(range(5 * f, 5 * f + 5))),
    ],
)
def test_folds_are_those_of_the_literature(fold, layout, classes, unseen):
    source = Listed([9] * classes)
    strict = Strict(fold, 4, layout)
    (test,) = strict.pools(source, "test")
    (train,) = strict.pools(source, "train")
    assert list(test.classes) == unseen(fold)
    assert sorted(train.classes + test.classes) == list(range(classes))
    assert (train.split, test.split) == ("train", "val")
    (inside,) = InDomain(fold, 4, layout).pools(source, "test")
    assert (inside.classes, inside.split) == (train.classes, "val")
    assert InDomain(fold, 4, layout).pools(source, "train") == (train,)


@pytest.mark.parametrize("layout", ["interleaved", "contiguous"])
def test_folds_of_an_odd_number_of_classes_partition_them(layout):
    source = Listed([9] * 23)
    tested = [c for fold in range(5) for c in Strict(fold, 5, layout).pools(source, "test")[0].classes]
    assert sorted(tested) == list(range(23))


class Shorter(Listed):
    """The val split does not know the last two classes."""

    equal_classes = False

    def classes(self, split):
        return tuple(range(len(self.counts) - 2 * (split == "val")))


def test_blocks_are_dealt_from_the_classes_of_both_splits():
    source = Shorter([9] * 10)
    for fold, (base, unseen) in enumerate([(range(5, 10), range(5)), (range(5), range(5, 8))]):
        strict = Strict(fold, 2, "contiguous")
        assert strict.pools(source, "train")[0].classes == tuple(base)
        assert strict.pools(source, "test")[0].classes == tuple(unseen)
    assert InDomain(1, 2, "contiguous").pools(source, "test")[0].classes == tuple(range(5))
    with pytest.raises(ValueError, match=r"fold 4 of 5 has none of the 8 classes .*; expected one of 0, 1, 2, 3, or"):
        Strict(4, 5, "contiguous").pools(source, "test")


def test_classes_with_one_image_are_dropped_and_reported():
    source = Listed([9, 9, 1, 2, 0, 9, 9, 9])
    (test,) = Strict(0).pools(source, "test")
    assert (test.classes, test.dropped) == ((0,), (4,))
    (train,) = Strict(0).pools(source, "train")
    assert (train.classes, train.dropped) == ((1, 3, 5, 6, 7), (2,))
    (strict,) = Strict(0, min_images=3).pools(source, "train")
    assert (strict.classes, strict.dropped) == ((1, 5, 6, 7), (2, 3))


def test_a_filtered_class_never_changes_sides():
    full, thin = Listed([9] * 12), Listed([9, 9, 1, 9, 9, 0, 9, 9, 9, 9, 1, 9])
    for fold in range(4):
        unseen = set(Strict(fold).pools(full, "test")[0].classes)
        assert not unseen & set(Strict(fold).pools(thin, "train")[0].classes)
        assert unseen >= set(Strict(fold).pools(thin, "test")[0].classes)


@pytest.mark.parametrize("fold", range(4))
def test_real_photographs(shared, fold):
    source = Coco(shared / "data" / "coco_mini")
    (train,), (test,) = (Strict(fold).pools(source, stage) for stage in ("train", "test"))
    assert len(train.classes) == [54, 54, 58, 56][fold]
    assert len(test.classes) == [19, 19, 19, 17][fold]
    assert len(train.classes + train.dropped) == 60
    assert sorted(test.classes + test.dropped) == list(range(fold, 80, 4))


class TestNames:
    """Classes 1 (base) and 4 (unseen in fold 0) of eight."""

    COUNTS = [9] * 8

    @pytest.mark.parametrize(
        ("one", "other"), [("leaf", "leaf"), ("Leaf", "leaf "), ("traffic light", "Traffic\u00a0Light"), ("a b", "AB")]
    )
    @pytest.mark.parametrize("stage", ["train", "test"])
    def test_a_base_and_an_unseen_class_of_one_name_are_refused(self, stage, one, other):
        source = Listed(self.COUNTS, {1: one, 4: other})
        message = re.escape(f"Strict fold 0: {one!r}, class 1 would be trained and {other!r}, class 4 tested as unseen")
        with pytest.raises(
            ValueError, match=rf"^{message}, but .* 1 of the 1 classes to test .*: merge or rename them$"
        ):
            Strict(0).pools(source, stage)
        with pytest.raises(ValueError, match=r"^Strict fold 1: .*, class 4 would be trained and .*, class 1 tested"):
            Strict(1).pools(source, stage)

    def test_on_one_side_they_are_told(self):
        source = Listed(self.COUNTS, {1: "leaf", 4: " Leaf"})
        (train,) = Strict(2).pools(source, "train")
        (note,) = train.notes
        assert (note.count, note.first) == (2, "'leaf', class 1 and ' Leaf', class 4")
        assert "share a name" in note.what
        assert Strict(2).pools(source, "test")[0].notes == ()
        assert InDomain(0).pools(source, "train")[0].classes == (1, 2, 3, 5, 6, 7)

    @pytest.mark.parametrize("empty", [1, 4])
    def test_a_class_without_images_is_neither(self, empty):
        """As exporters write their group of classes among the classes, sometimes under the name of one."""
        counts = [0 if class_id == empty else 9 for class_id in range(8)]
        source = Listed(counts, {1: "leaf", 4: "leaf"})
        for stage in ("train", "test"):
            assert Strict(0).pools(source, stage) if empty == 1 else Strict(1).pools(source, stage)

    def test_several(self):
        source = Listed(self.COUNTS, {1: "a", 4: "A", 0: "b", 2: "B"})
        with pytest.raises(ValueError, match=r"so have 2 of the 2 classes to test in coco in none"):
            Strict(0).pools(source, "train")


class TestMistakes:
    @pytest.mark.parametrize(("fold", "folds"), [(4, 4), (-1, 4), (2, 2)])
    @pytest.mark.parametrize("protocol", [Strict, InDomain])
    def test_fold(self, protocol, fold, folds):
        message = rf"^{protocol.__name__}.fold: expected 0 to {folds - 1}, since folds is {folds}, but got {fold}$"
        with pytest.raises(ValueError, match=message):
            protocol(fold, folds)

    @pytest.mark.parametrize("folds", [1, 0, -3])
    def test_folds(self, folds):
        message = rf"^Strict.folds: expected at least 2, one to test and others to train, but got {folds}$"
        with pytest.raises(ValueError, match=message):
            Strict(0, folds)

    @pytest.mark.parametrize(("fold", "stage", "split"), [(0, "train", "train"), (1, "test", "val")])
    def test_one_class(self, fold, stage, split):
        message = (
            rf"^Strict needs two classes at least, to train on one and to test another, but the {split} split of coco "
            r"in none has one, 'thing 0'; AllClasses trains and tests the same ones$"
        )
        with pytest.raises(ValueError, match=message):
            Strict(fold).pools(Listed([9]), stage)

    @pytest.mark.parametrize(("layout", "fitting"), [("interleaved", "0, 1"), ("contiguous", "0, 2")])
    def test_fewer_classes_than_folds(self, layout, fitting):
        message = (
            r"^Strict.fold: fold 3 of 4 has none of the 2 classes in the val split of coco in none; expected one of "
            rf"{fitting}, or fewer folds$"
        )
        with pytest.raises(ValueError, match=message):
            Strict(3, 4, layout).pools(Listed([9, 9]), "test")

    def test_what_was_left_out_is_told_where_nothing_is_left(self):
        class Noted(Listed):
            def notes(self, split):
                return (Note("crowd regions, which are ignored", 24, "annotation 4"),)

        message = (
            r"none of its 2 classes has 2 images .*; expected one with at least 2; 24 cr.* \(first: annotation 4\)$"
        )
        with pytest.raises(ValueError, match=message):
            Strict(1).pools(Noted([9, 1, 9, 9, 9, 0, 9, 9]), "test")

    def test_layout(self):
        with pytest.raises(ValueError, match=r"Strict.layout: expected 'interleaved' or 'contiguous', but got 'x'"):
            Strict(0, layout="x")

    def test_min_images(self):
        with pytest.raises(ValueError, match=r"Strict.min_images: expected at least 2, but got 1"):
            Strict(0, min_images=1)

    def test_nothing_left(self):
        message = r"Strict fold 1, unseen classes: none of its 2 classes has 2 images in the val split of coco in none"
        with pytest.raises(ValueError, match=message):
            Strict(1).pools(Listed([9, 1, 9, 9, 9, 0, 9, 9]), "test")

    @pytest.mark.parametrize(("classes", "weight"), [((), 1.0), ((1,), 0.0), ((1,), float("nan"))])
    def test_pool(self, classes, weight):
        with pytest.raises(ValueError, match=r"Pool of coco in none, val: expected at least one class and a weight"):
            Pool(Listed([]), "val", classes, weight)


def test_chosen_classes_train_and_test_on_the_same_images():
    source = Listed([9, 2, 1, 4])
    (train,), (test,) = (Chosen([3, 1]).pools(source, stage) for stage in ("train", "test"))
    assert train == test
    assert (train.classes, train.split) == ((1, 3), "train")
    with pytest.raises(ValueError, match=r"Chosen.classes: expected classes with 2 images in the val split.*\(2,\)"):
        Chosen([1, 2], split="val").pools(source, "test")
