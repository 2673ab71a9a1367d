"""Lists of images of a fold: made from label maps or read from files, against a count of their own."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

from fakes.coco20i_released import write_coco20i
from fakes.fold_lists import write_coco_lists, write_pascal_lists
from sansa_lightning.data.formats import class_index
from sansa_lightning.data.formats.index_cache import CACHE_VARIABLE
from sansa_lightning.data.protocols.base import InDomain, Strict
from sansa_lightning.data.protocols.class_lists import AllClasses
from sansa_lightning.data.protocols.regrouped import CocoToPascal
from sansa_lightning.data.sources.abilities import image_list
from sansa_lightning.data.sources.coco20i_released import Coco20iReleased
from sansa_lightning.data.sources.coco_lists import CocoLists
from sansa_lightning.data.sources.pascal_lists import PascalLists
from sansa_lightning.prepare.benchmarks import BENCHMARKS
from sansa_lightning.prepare.verify import faults

KINDS = {
    "pascal": (write_pascal_lists, PascalLists, "contiguous", 20),
    "coco": (write_coco_lists, CocoLists, "interleaved", 80),
}
REGROUPED = ({0, 3, 8, 10, 11, 14}, {1, 5, 12, 17}, {2, 6, 15, 16, 18, 19}, {4, 7, 9, 13})


@pytest.fixture(scope="module", params=KINDS)
def kind(request, tmp_path_factory):
    """A fake without lists, and what goes with it."""
    write, source, layout, classes = KINDS[request.param]
    return write(tmp_path_factory.mktemp(request.param) / "data"), source, layout, classes


def pools(source, fold, layout):
    protocol = Strict(fold, layout=layout)
    return [protocol.pools(source, phase)[0] for phase in ("train", "test")]


@pytest.mark.parametrize("fold", range(4))
def test_made_lists_are_those_of_an_independent_count(kind, fold):
    fake, source, layout, number = kind
    unseen = fake.unseen(fold)
    for pool, classes in zip(
        pools(source(fake.root), fold, layout), (set(range(number)) - unseen, unseen), strict=True
    ):
        expected = fake.lists(pool.split, classes, unseen)
        assert set(pool.classes) == {class_id for class_id, keys in expected.items() if len(keys) > 1}
        for class_id, keys in expected.items():
            assert list(pool.source.images(class_id, pool.split)) == keys
        listed = set().union(*expected.values())
        assert list(image_list(pool.source, classes, pool.split)) == [key for key in fake.labels if key in listed]


def test_the_rules_bite(kind):
    """A pixel too few, a few pixels of an unseen class in training; neither matters in the other split's lists."""
    fake, source, layout, _ = kind
    train, test = pools(source(fake.root), 1, layout)
    areas = {np.count_nonzero(fake.labels[key] == c + 1) for c in test.classes for key in test.source.images(c, "val")}
    assert 2048 in areas
    assert min(areas) == 2048
    kept = {key for c in train.classes for key in train.source.images(c, "train")}
    dropped = [key for key in fake.labels if key.startswith("train/") and key not in kept]
    few = [key for key in dropped if set((fake.labels[key][70:78, 5:11] - 1).ravel().tolist()) <= fake.unseen(1)]
    assert few  # of which only the small object is unseen, or that one as well
    notes = {note.what: note.count for note in train.source.notes("train")}
    assert notes == {
        "label maps counted, since there are no lists of this fold": sum(
            key.startswith("train") for key in fake.labels
        ),
        "images left out of training, which show an unseen class": len(dropped),
    }


@pytest.mark.parametrize("pairs", [False, True])
@pytest.mark.parametrize("fold", [0, 3])
def test_files_in_both_forms_give_what_is_made(kind, fold, pairs, tmp_path):
    fake, source, layout, _ = kind
    for split in ("train", "val"):
        fake.write_lists(tmp_path, split, fold, fake.unseen(fold), pairs)
    made, read = (pools(source(fake.root, lists), fold, layout) for lists in (None, tmp_path))
    for one, two in zip(made, read, strict=True):
        assert one.classes == two.classes
        for class_id in one.classes:
            assert one.source.images(class_id, one.split) == two.source.images(class_id, two.split)
        assert image_list(one.source, one.classes, one.split) == image_list(two.source, two.classes, two.split)
        assert list(two.source.notes(two.split)) == []
        two.source.verify(two.split)
        key = two.source.images(two.classes[0], two.split)[0]
        image, mask = two.source.load(key, two.classes[0])
        np.testing.assert_array_equal(mask == 1, fake.labels[key] == two.classes[0] + 1)
        np.testing.assert_array_equal(mask == 255, fake.labels[key] == 255)
        assert image.shape == (*mask.shape, 3)


def test_the_order_is_that_of_the_files(kind, tmp_path):
    fake, source, layout, _ = kind
    fake.write_lists(tmp_path, "val", 2, fake.unseen(2), pairs=True)
    path = tmp_path / "val" / "data_list_2.txt"
    lines = path.read_text().splitlines()[::-1]
    path.write_text("\n".join(lines))
    test = Strict(2, layout=layout).pools(source(fake.root, tmp_path), "test")[0]
    stems = [line.split()[0].rsplit("/", 1)[1][:-4] for line in lines]
    assert list(image_list(test.source, test.classes, "val")) == [f"val/{stem}" for stem in stems]


def test_a_fold_is_one_source_and_survives_a_worker(kind):
    fake, source, layout, _ = kind
    whole = source(fake.root)
    train, test = pools(whole, 1, layout)
    assert train.source is test.source
    assert str(test.source).endswith("(fold 1)")
    there = pickle.loads(pickle.dumps(test.source))  # noqa: S301 - our own object, as spawned workers get it
    assert image_list(there, test.classes, "val") == image_list(test.source, test.classes, "val")
    key = image_list(there, test.classes, "val")[0]
    np.testing.assert_array_equal(there.load(key, test.classes[0])[0], whole.load(key, test.classes[0])[0])


def test_in_domain_and_without_folds(kind):
    fake, source, layout, number = kind
    base = InDomain(0, layout=layout).pools(source(fake.root), "test")[0]
    expected = fake.lists("val", set(range(number)) - fake.unseen(0), ())
    assert {c: list(base.source.images(c, "val")) for c in base.classes} == {
        c: k for c, k in expected.items() if len(k) > 1
    }
    everything = AllClasses().pools(source(fake.root), "train")[0]
    assert everything.source.images(3, "train") == tuple(fake.lists("train", [3], ())[3])


def test_label_maps_are_counted_once(kind, tmp_path, monkeypatch):
    fake, source, layout, _ = kind
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path / "cache"))
    monkeypatch.setattr(class_index, "LEAST_FILES", 0)
    first = [pool.source.images(pool.classes[0], pool.split) for pool in pools(source(fake.root), 0, layout)]
    monkeypatch.setattr(class_index, "read_labels", None)  # not to be called again
    again = [pool.source.images(pool.classes[0], pool.split) for pool in pools(source(fake.root), 0, layout)]
    assert again == first
    pools(source(fake.root), 1, layout)
    assert len(list((tmp_path / "cache" / "indices").glob("labels-*.json"))) == 2


@pytest.mark.parametrize("fold", range(4))
def test_coco_to_pascal_goes_by_regrouped_lists(fold, tmp_path):
    fake, coco = write_pascal_lists(tmp_path / "voc"), write_coco20i(tmp_path / "coco").root
    protocol = CocoToPascal(Coco20iReleased(coco), fold)
    made = protocol.pools(PascalLists(fake.root), "test")[0]
    assert set(made.classes) == REGROUPED[fold]
    expected = fake.lists("val", REGROUPED[fold], ())
    assert {c: list(made.source.images(c, "val")) for c in made.classes} == expected
    fake.write_lists(tmp_path / "lists", "val", 10 + fold, REGROUPED[fold], pairs=False)
    read = protocol.pools(PascalLists(fake.root, tmp_path / "lists"), "test")[0]
    assert str(read.source).endswith(f"(fold {10 + fold})")
    assert image_list(read.source, read.classes, "val") == image_list(made.source, made.classes, "val")


@pytest.mark.parametrize(("name", "write"), [("pascal5i", write_pascal_lists), ("coco20i", write_coco_lists)])
def test_data_verify_knows_the_layout(name, write, tmp_path):
    fake = write(tmp_path / "data")
    for fold in range(4):
        for split in ("train", "val"):
            fake.write_lists(fake.root / "fss_list", split, fold, fake.unseen(fold), pairs=True)
    assert list(faults(BENCHMARKS[name], fake.root)) == []
    key = next(keys[0] for keys in fake.lists("val", fake.unseen(1), ()).values() if keys)
    picture = fake.root / fake.folders["val"][0] / f"{key[4:]}.jpg"
    picture.unlink()
    assert list(faults(BENCHMARKS[name], fake.root)) == [f"{picture} is not there"]


class TestMistakes:
    def test_a_folder_of_lists_that_is_not_there(self, tmp_path):
        fake = write_pascal_lists(tmp_path / "voc", 8)
        with pytest.raises(FileNotFoundError, match=r"PascalLists.lists: .*nowhere is not a folder; expected the one"):
            Strict(0, layout="contiguous").pools(PascalLists(fake.root, tmp_path / "nowhere"), "test")

    def test_one_of_two_files(self, kind, tmp_path):
        fake, source, layout, _ = kind
        fake.write_lists(tmp_path, "val", 0, fake.unseen(0), pairs=False)
        (tmp_path / "val" / "data_list_0.txt").unlink()
        with pytest.raises(FileNotFoundError, match=r"data_list_0.txt is not there; expected a list of images"):
            pools(source(fake.root, tmp_path), 0, layout)

    def test_lists_of_another_fold(self, kind, tmp_path):
        fake, source, layout, _ = kind
        fake.write_lists(tmp_path, "val", 0, fake.unseen(1), pairs=False)
        with pytest.raises(ValueError, match=r"sub_class_file_list_0.txt: expected lists of images of the classes 1, "):
            Strict(0, layout=layout).pools(source(fake.root, tmp_path), "test")

    def test_nothing_to_make_lists_of(self, tmp_path):
        fake = write_pascal_lists(tmp_path / "voc", 8)
        (fake.root / "sbd" / "train_noval.txt").unlink()
        with pytest.raises(FileNotFoundError, match=r"train_noval.txt is not there; expected the images to make lists"):
            PascalLists(fake.root).images(0, "train")

    def test_a_test_image_in_training(self, tmp_path):
        fake = write_pascal_lists(tmp_path / "voc", 8)
        (fake.root / "sbd" / "train_noval.txt").write_text("2008_000003\n")
        with pytest.raises(ValueError, match=r"'2008_000003' is in the images to train on, and in .*val.txt; so are 0"):
            PascalLists(fake.root).images(0, "train")
