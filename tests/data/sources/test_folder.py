"""The source ``Folder`` beyond the contract: what a person's own data get wrong."""

from __future__ import annotations

import pickle
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fakes.folder import NAMES, write_folder
from sansa_lightning.data.episodes.unmarked import UnmarkedEpisodes
from sansa_lightning.data.formats.mask_folder import EMPTY, NOT_READ, ONLY_IGNORED, TRANSPARENT, TWO_RULES, VOID
from sansa_lightning.data.protocols.base import Pool, Strict
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


def empty(path):
    with Image.open(path) as picture:
        Image.new("L", picture.size).save(path)


def notes(source):
    source.verify("val")
    return {note.what: note.count for note in source.notes("val")}


def test_images_with_an_empty_mask_are_left_out_and_counted(root):
    before = Folder(root).images(2, "val")
    for number in (1, 3):
        empty(root / "val" / "nut" / "masks" / f"{number}.png")
    source = Folder(root)
    source.verify("val")
    assert source.images(2, "val") == (before[0], before[2])
    (note,) = (note for note in source.notes("val") if note.what == EMPTY)
    assert (note.count, note.first) == (2, str(root / "val" / "nut" / "masks" / "1.png"))
    assert Folder(root, check_files=False).images(2, "val") == before


def test_masks_of_0_and_1_beside_masks_of_0_and_255_are_told(root):
    assert notes(Folder(root)) == {TWO_RULES: 4}


def test_so_they_are_where_they_are_of_different_classes(root):
    for path in root.glob("*/*/masks/*.png"):
        with Image.open(path) as picture:
            shown = np.array(picture) > 0
        Image.fromarray((shown * (255 if "gear" in path.parts else 1)).astype(np.uint8)).save(path)
    assert notes(Folder(root)) == {TWO_RULES: 4}
    assert Folder(root).load("val/gear/0.jpg", 1)[1].max() == 1


def test_what_nobody_looked_at_is_told(root):
    source = Folder(root, check_files=False)
    assert notes(source) == {NOT_READ: 8}
    assert len(source.images(2, "val")) == 4


class TestVoid:
    """A dataset whose masks have 0 and 1, and in one class 255 too, as PASCAL VOC's."""

    @pytest.fixture
    def masks(self, root):
        for path in root.glob("*/*/masks/*.png"):
            with Image.open(path) as picture:
                shown = np.array(picture) > 0
            Image.fromarray(shown.astype(np.uint8)).save(path)
        folder = root / "val" / "nut" / "masks"
        for number in range(4):
            self.write(folder / f"{number}.png", {1: 1, 2: 255})
        return folder

    def write(self, path, values):
        with Image.open(path) as picture:
            mask = np.zeros(picture.size[::-1], np.uint8)
        mask[5:15, 5:15], mask[3:5, 5:15] = values[1], values[2]
        Image.fromarray(mask).save(path)

    def test_255_is_ignored(self, root, masks):
        source = Folder(root)
        assert notes(source)[VOID] == 4
        for key in source.images(2, "val"):
            mask = source.load(key, 2)[1]
            assert [int((mask == value).sum()) for value in (1, 255)] == [100, 20]

    def test_a_mask_with_void_alone_is_left_out(self, root, masks):
        self.write(masks / "2.png", {1: 0, 2: 255})
        source = Folder(root)
        assert notes(source) == {VOID: 3, ONLY_IGNORED: 1}
        assert len(ONLY_IGNORED.split()) <= 12  # it is a key of result.json
        assert [Path(key).stem for key in source.images(2, "val")] == ["0", "1", "3"]

    def test_so_it_is_where_the_others_are_in_the_other_split(self, root, masks):
        """Of a split and a class alone, half of the masks could be of another rule."""
        for number in (0, 1):
            self.write(root / "train" / "nut" / "masks" / f"{number}.png", {1: 0, 2: 255})
        source = Folder(root)
        assert [Path(key).stem for key in source.images(2, "train")] == ["2", "3"]
        assert {note.what: note.count for note in source.notes("train")} == {ONLY_IGNORED: 2}

    def test_a_class_of_nothing_but_255_may_be_another_rule(self, root, masks):
        for number in range(4):
            self.write(root / "val" / "gear" / "masks" / f"{number}.png", {1: 255, 2: 0})
        message = (
            r"val/gear/masks/0.png: expected masks of one kind, but 4 in the dataset have 0, 1 and 255 \(first: .*val/"
            r"nut/masks/0.png\), where 255 is ignored, and 4 have 0 and 255"
        )
        with pytest.raises(ValueError, match=message):
            Folder(root).classes("train")

    def test_half_of_them_may_be_another_rule(self, root, masks):
        for number in (1, 3):
            self.write(masks / f"{number}.png", {1: 255, 2: 0})
        message = (
            r"masks/1.png: expected masks of one kind, but 2 in the dataset have 0, 1 and 255 \(first: .*masks/0.png\)"
        )
        with pytest.raises(ValueError, match=message):
            Folder(root).verify("val")


def test_masks_of_any_ending_in_any_case(root):
    before = {key: Folder(root).load(key, 2)[1] for key in Folder(root).images(2, "val")}
    masks = root / "val" / "nut" / "masks"
    (masks / "0.png").rename(masks / "0.PNG")
    for number, ending in ((1, "TIF"), (2, "bmp"), (3, "Webp")):
        with Image.open(masks / f"{number}.png") as picture:
            picture.save(masks / f"{number}.{ending}", **({"lossless": True} if ending == "Webp" else {}))
        (masks / f"{number}.png").unlink()
    source = Folder(root)
    source.verify("val")
    assert list(source.images(2, "val")) == list(before)
    for key, mask in before.items():
        np.testing.assert_array_equal(source.load(key, 2)[1], mask)
    copy = pickle.loads(pickle.dumps(source))  # noqa: S301 - our own object, as spawned workers get it
    np.testing.assert_array_equal(copy.load(key, 2)[1], mask)


def test_masks_in_transparency(root):
    masks = root / "val" / "nut" / "masks"
    before = {key: Folder(root).load(key, 2)[1] for key in Folder(root).images(2, "val")}
    for key, mask in before.items():
        white = Image.new("RGBA", mask.shape[::-1], "white")
        white.putalpha(Image.fromarray(mask * np.uint8(255)))
        white.save(masks / f"{Path(key).stem}.png")
    source = Folder(root)
    assert notes(source)[TRANSPARENT] == 4
    for key, mask in before.items():
        np.testing.assert_array_equal(source.load(key, 2)[1], mask)


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

    def test_all_masks_of_a_class_empty(self, root):
        masks = root / "val" / "nut" / "masks"
        for path in masks.iterdir():
            empty(path)
        message = r"masks/0.png is empty; expected masks that show the class, but all 4 in the folder are empty"
        with pytest.raises(ValueError, match=message):
            Folder(root).verify("val")

    def test_masks_of_several_classes_are_counted(self, root):
        for number in (0, 2, 3):
            path = root / "val" / "nut" / "masks" / f"{number}.png"
            with Image.open(path) as picture:
                values = np.zeros(picture.size[::-1], np.uint8)
            values[:9, :9], values[9:20, :9] = 4, 200
            Image.fromarray(values).save(path)
        message = (
            r"masks/0.png: expected .* map of the values 0, 4, 200; .* \(the first; 3 of 8 pictures cannot be used\)$"
        )
        with pytest.raises(ValueError, match=message):
            Folder(root).verify("val")

    def test_two_masks_of_one_image(self, root):
        masks = root / "val" / "nut" / "masks"
        shutil.copy(masks / "1.png", masks / "1.TIF")
        with pytest.raises(ValueError, match=r"masks/1.png and 1.TIF are masks of one image, 1; expected one of them"):
            Folder(root).classes("val")

    def test_mask_of_another_size(self, root):
        Image.new("L", (9, 9), 255).save(root / "val" / "nut" / "masks" / "0.png")
        with pytest.raises(ValueError, match=r"images/0.jpg: expected 9x9 pixels as its annotations say"):
            Folder(root).verify("val")


class TestUnmarked:
    """Two of four images of a class have masks."""

    @pytest.fixture
    def few(self, root):
        for number in (1, 2):
            (root / "val/nut/masks" / f"{number}.png").unlink()
        return root

    def test_without_the_option_they_are_an_error(self, few):
        with pytest.raises(FileNotFoundError, match=r"2 of the \d+ files of the val split are not there"):
            Folder(few).verify("val")

    def test_they_are_targets_and_no_references(self, few):
        source = Folder(few, unmarked=True)
        source.verify("val")
        assert source.images(2, "val") == ("val/nut/0.jpg", "val/nut/3.webp")
        assert list(source.unmarked(2, "val")) == ["val/nut/1.png", "val/nut/2.JPEG"]
        assert list(source.unmarked(1, "val")) == []
        pools = (Pool(source, "val", (1, 2)),)
        episodes = UnmarkedEpisodes(pools, shots=3, targets=1, seed=0, length=320)
        assert [episode.targets for episode in episodes] == [("val/nut/1.png",), ("val/nut/2.JPEG",)]
        for episode in episodes:
            assert set(episode.references) == {"val/nut/0.jpg", "val/nut/3.webp"}
            assert len(episode.references) == 3
        again = pickle.loads(pickle.dumps(source))  # noqa: S301
        image, mask = again.load("val/nut/1.png", 2)
        assert image.shape[:2] == mask.shape
        assert (mask == 255).all()
        assert again.load("val/nut/0.jpg", 2)[1].max() == 1

    def test_a_broken_one_is_found_before_the_run(self, few):
        (few / "val/nut/images/1.png").write_bytes(b"x")
        with pytest.raises(ValueError, match=r"1\.png cannot be decoded"):
            Folder(few, unmarked=True).verify("val")

    def test_there_have_to_be_some(self, root):
        source = Folder(root, unmarked=True)
        with pytest.raises(
            ValueError, match=r"^UnmarkedEpisodes: expected images without a mask, .* but got none; Fol"
        ):
            UnmarkedEpisodes((Pool(source, "val", (1, 2)),), shots=1, targets=1, seed=0, length=3)
