"""The protocols ``AllClasses`` and ``ClassSplits``."""

from __future__ import annotations

import pytest

from fakes.deepglobe import write_deepglobe
from fakes.folder import write_folder
from fakes.fss1000 import write_fss1000
from sansa_lightning.data.protocols.class_lists import AllClasses, ClassSplits
from sansa_lightning.data.sources.deepglobe import DeepGlobe
from sansa_lightning.data.sources.folder import Folder
from sansa_lightning.data.sources.fss1000 import Fss1000


def test_all_classes_of_each_split(tmp_path):
    source = Folder(write_folder(tmp_path / "mine").root)
    (train,), (test,) = (AllClasses().pools(source, stage) for stage in ("train", "test"))
    assert (train.split, train.classes, test.split, test.classes) == ("train", (0, 2, 3), "val", (1, 2))


def test_class_splits_share_no_class(tmp_path):
    source = Fss1000(write_fss1000(tmp_path / "fss").root)
    (train,), (test,) = (ClassSplits().pools(source, stage) for stage in ("train", "test"))
    assert (train.classes, test.classes) == ((0, 1, 2, 3), (6, 7, 8))


def test_shared_classes_are_refused(tmp_path):
    source = Folder(write_folder(tmp_path / "mine").root)
    for stage in ("train", "test"):
        with pytest.raises(ValueError, match=r"ClassSplits: folder in .* has 1 class in both splits \(nut\)"):
            ClassSplits().pools(source, stage)


def test_class_splits_share_no_name_either(tmp_path):
    root = write_folder(tmp_path / "mine").root
    (root / "val" / "nut").rename(root / "val" / "Bolt")
    source = Folder(root)
    names = {source.class_name(c): c for split in ("train", "val") for c in source.classes(split)}
    message = (
        rf"^ClassSplits: 'bolt', class {names['bolt']} would be trained and 'Bolt', class {names['Bolt']} tested as"
    )
    for stage in ("train", "test"):
        with pytest.raises(ValueError, match=message):
            ClassSplits().pools(source, stage)


@pytest.mark.parametrize("protocol", [AllClasses, ClassSplits])
def test_a_source_that_is_only_tested(tmp_path, protocol):
    source = DeepGlobe(write_deepglobe(tmp_path / "globe").root)
    (test,) = protocol().pools(source, "test")
    assert test.classes == tuple(range(6))
    message = rf"{protocol.__name__}: deepglobe in .* has no classes in its train split; expected one to train on"
    with pytest.raises(ValueError, match=message):
        protocol().pools(source, "train")


def test_min_images(tmp_path):
    with pytest.raises(ValueError, match=r"AllClasses.min_images: expected at least 2, but got 1"):
        AllClasses(min_images=1)
    source = Fss1000(write_fss1000(tmp_path / "fss").root)
    assert AllClasses(min_images=10).pools(source, "test")[0].classes == (6, 7, 8)
    with pytest.raises(
        ValueError, match=r"AllClasses: none of its 3 classes has 11 images in the val split of fss1000"
    ):
        AllClasses(min_images=11).pools(source, "test")
