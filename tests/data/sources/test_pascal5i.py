"""The source ``Pascal5i`` beyond the contract: folds, ignored pixels, lists."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from fakes.pascal5i import write_pascal5i
from sansa_lightning.data.episodes.every_image import EveryImageEpisodes
from sansa_lightning.data.protocols.base import Strict
from sansa_lightning.data.sources.pascal5i import Pascal5i


@pytest.fixture
def root(tmp_path):
    return write_pascal5i(tmp_path / "VOC2012").root


FOLDS = (
    ("aeroplane", "bicycle", "bird", "boat", "bottle"),
    ("bus", "car", "cat", "chair", "cow"),
    ("diningtable", "dog", "horse", "motorbike", "person"),
    ("pottedplant", "sheep", "sofa", "train", "tvmonitor"),
)


@pytest.mark.parametrize("fold", range(4))
def test_folds(root, fold):
    source = Pascal5i(root)
    strict = Strict(fold, layout="contiguous")
    (train,), (test,) = (strict.pools(source, stage) for stage in ("train", "test"))
    assert tuple(source.class_name(c) for c in test.classes) == FOLDS[fold]
    assert sorted(train.classes + test.classes) == list(range(20))


def test_outlines_are_ignored_and_other_objects_are_background(root):
    source = Pascal5i(root)
    _, mask = source.load("val/2008_000003", 3)
    assert set(np.unique(mask)) == {0, 1, 255}
    _, other = source.load("val/2008_000003", 11)
    np.testing.assert_array_equal(mask == 255, other == 255)
    assert (other[mask == 1] == 0).all()
    _, absent = source.load("val/2008_000003", 19)
    assert set(np.unique(absent)) == {0, 255}


def test_episodes_walk_the_list_in_its_own_order(root):
    """The lists in circulation ascend by image, then class; 1,000 episodes go round them (docs/sansa.md 4.10)."""
    source = Pascal5i(root)
    pools = Strict(1, layout="contiguous").pools(source, "test")
    lines = (root / "splits" / "pascal" / "val" / "fold1.txt").read_text().split()
    entries = [(f"val/{line[:-4]}", int(line[-2:]) - 1) for line in lines]
    episodes = EveryImageEpisodes(pools, shots=5, targets=1, seed=0, length=1000)
    walked = [(episode.targets[0], episode.class_id) for episode in episodes]
    assert walked == [entries[i % len(entries)] for i in range(1000)]


def test_lists_elsewhere(root, tmp_path):
    (root / "splits" / "pascal").rename(tmp_path / "lists")
    with pytest.raises(FileNotFoundError, match=r"splits/pascal/val/fold0.txt is not there; expected the list"):
        Pascal5i(root).classes("val")
    Pascal5i(root, lists=tmp_path / "lists").verify("val")


class TestMistakes:
    def test_a_palette_turned_to_grey(self, root):
        path = root / "SegmentationClassAug" / "2008_000003.png"
        labels = np.asarray(Image.open(path)).copy()
        Image.fromarray(np.where(labels == 4, 38, labels).astype(np.uint8)).save(path)
        with pytest.raises(ValueError, match=r"003.png: expected a label map of 0 to 20 and 255, but .* the value 38"):
            Pascal5i(root).load("val/2008_000003", 3)

    @pytest.mark.parametrize(
        "line", ["2008_000001__06", "2008_000001__00", "2008_000001", "../2008_000001__01", "x__y"]
    )
    def test_line(self, root, line):
        path = root / "splits" / "pascal" / "val" / "fold0.txt"
        lines = path.read_text().splitlines()
        path.write_text("\n".join([lines[0], line, *lines[1:]]))
        message = r"fold0.txt, line 2: expected <image>__<class> with a class of 01 to 05, but got "
        with pytest.raises(ValueError, match=f"{message}'{line}'"):
            Pascal5i(root).verify("val")

    def test_image_that_is_not_there(self, root):
        with (root / "splits" / "pascal" / "val" / "fold3.txt").open("a") as file:
            file.write("2099_000001__20\n")
        message = r"pascal5i in .*: 2 of the 122 files of the val split are not there: .*2099_000001.jpg, .*1.png$"
        with pytest.raises(FileNotFoundError, match=message):
            Pascal5i(root).verify("val")

    def test_coloured_masks(self, root):
        """What one gets from saving VOC's masks with their colours instead of their numbers."""
        path = root / "SegmentationClassAug" / "2008_000003.png"
        with Image.open(path) as picture:
            coloured = picture.convert("RGB")
        coloured.save(path)
        with pytest.raises(ValueError, match=r"003.png: expected a label map of 8 bits a pixel, but it is .* mode RGB"):
            Pascal5i(root).load("val/2008_000003", 3)

    def test_mask_of_another_size(self, root):
        Image.new("L", (10, 12)).save(root / "SegmentationClassAug" / "2008_000003.png")
        source = Pascal5i(root)
        for attempt in (lambda: source.verify("val"), lambda: source.load("val/2008_000003", 3)):
            with pytest.raises(ValueError, match=r"2008_000003.jpg: expected 10x12 pixels .* but it has \d+x\d+"):
                attempt()
