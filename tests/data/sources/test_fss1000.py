"""The source ``Fss1000`` beyond the contract: class lists, and mistakes of its own."""

from __future__ import annotations

import re

import pytest

from fakes.fss1000 import ODD_MASK, write_fss1000
from sansa_lightning.data.episodes.every_image import EveryImageEpisodes
from sansa_lightning.data.protocols.class_lists import ClassSplits
from sansa_lightning.data.sources.fss1000 import Fss1000


@pytest.fixture
def root(tmp_path):
    return write_fss1000(tmp_path / "FSS-1000").root


def test_ids_count_through_the_sorted_lists(root):
    source = Fss1000(root)
    assert [source.class_name(c) for c in range(9)] == [
        *("ab wheel", "abacus", "crab", "yak"),
        *("bamboo_slip", "zebra"),
        *("fan", "kite", "owl"),
    ]
    assert (source.classes("train"), source.classes("val")) == ((0, 1, 2, 3), (6, 7, 8))
    assert Fss1000(root, val="val").classes("val") == (4, 5)
    assert list(source.images(8, "val")) == [f"val/owl/{n}" for n in range(1, 11)]
    assert source.images(8, "train") == ()


def test_published_sizes_and_no_overlap(tmp_path):
    """520, 240 and 240 classes, whose ids are 0 to 519, 520 to 759 and 760 to 999 (docs/sansa.md 4.3)."""
    names = [f"class {number:04d}" for number in range(1000)]
    (tmp_path / "splits").mkdir()
    for listed, part in (("trn", names[:520]), ("val", names[520:760]), ("test", names[760:])):
        (tmp_path / "splits" / f"{listed}.txt").write_text("\n".join(reversed(part)))
        for name in part:
            folder = tmp_path / "data" / name
            folder.mkdir(parents=True)
            for number in range(1, 11):
                (folder / f"{number}.jpg").touch()
    source = Fss1000(tmp_path)
    (train,), (test,) = (ClassSplits().pools(source, stage) for stage in ("train", "test"))
    assert (train.classes, test.classes) == (tuple(range(520)), tuple(range(760, 1000)))
    assert Fss1000(tmp_path, val="val").classes("val") == tuple(range(520, 760))
    episodes = EveryImageEpisodes((test,), shots=1, targets=1, seed=0, length=2400)
    assert len({episode.targets for episode in episodes}) == 2400
    assert [episodes[i].class_id for i in (0, 9, 10, 2399)] == [760, 760, 761, 999]


def test_a_mask_of_another_size_passes(root):
    image, mask = Fss1000(root).load(f"val/owl/{ODD_MASK}", 8)
    assert mask.shape == image.shape[:2]
    assert mask.any()


class TestMistakes:
    def test_val(self, root):
        with pytest.raises(ValueError, match=r"Fss1000.val: expected 'val' or 'test', but got 'dev'"):
            Fss1000(root, val="dev")

    def test_no_list(self, root):
        (root / "splits" / "trn.txt").unlink()
        with pytest.raises(FileNotFoundError, match=r"splits/trn.txt is not there; expected the published list"):
            Fss1000(root).classes("train")

    def test_class_in_two_lists(self, root):
        (root / "splits" / "val.txt").write_text("zebra\nyak\n")
        message = r"splits/val.txt: expected each class in one list, once, but 'yak' is in trn.txt already"
        with pytest.raises(ValueError, match=message):
            Fss1000(root).classes("val")

    def test_no_folder(self, root):
        (root / "splits" / "test.txt").write_text("owl\nlemur\nkiwi")
        message = r"2 of the 3 classes of splits/test.txt have no folder in .*data: kiwi, lemur"
        with pytest.raises(FileNotFoundError, match=message):
            Fss1000(root).verify("val")

    def test_missing_masks_are_counted(self, root):
        for number in (1, 2, 3, 4):
            (root / "data" / "owl" / f"{number}.png").unlink()
        owl = re.escape(str(root / "data" / "owl"))
        message = rf"4 of the 60 files of the val split are not there: {owl}/1.png, {owl}/2.png, {owl}/3.png, \.\.\."
        with pytest.raises(FileNotFoundError, match=message):
            Fss1000(root).verify("val")

    def test_mask_of_another_class(self, root):
        with pytest.raises(KeyError, match=r"'val/owl/1' has no mask of class 6; expected class 8"):
            Fss1000(root).load("val/owl/1", 6)

    def test_broken_mask(self, root):
        path = root / "data" / "owl" / "2.png"
        path.write_bytes(path.read_bytes()[:60])
        with pytest.raises(ValueError, match=r"owl/2.png cannot be decoded as an image"):
            Fss1000(root).verify("val")
