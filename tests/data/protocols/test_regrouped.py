"""COCO to PASCAL: the published lists, and no class that is trained and tested under whatever name."""

from __future__ import annotations

from pathlib import Path

import pytest

from fakes.coco20i_released import write_coco20i
from fakes.folder import write_folder
from fakes.pascal5i import write_pascal5i
from launches import call, result, tiny, write_yaml
from sansa_lightning.data.datamodule import EpisodeDataModule
from sansa_lightning.data.episodes.every_image import EveryImageEpisodes
from sansa_lightning.data.protocols.regrouped import CocoToPascal
from sansa_lightning.data.sources.coco import Coco
from sansa_lightning.data.sources.coco20i_released import Coco20iReleased
from sansa_lightning.data.sources.folder import Folder
from sansa_lightning.data.sources.pascal5i import Pascal5i

# As published, counted from 1 in VOC's order (RePRI's repository).
PUBLISHED = ((1, 4, 9, 11, 12, 15), (2, 6, 13, 18), (3, 7, 16, 17, 19, 20), (5, 8, 10, 14))

# Either name of each class, put down here independently of the code: PASCAL's, then COCO's.
BOTH_NAMES = {
    "aeroplane": "airplane",
    "bicycle": "bicycle",
    "bird": "bird",
    "boat": "boat",
    "bottle": "bottle",
    "bus": "bus",
    "car": "car",
    "cat": "cat",
    "chair": "chair",
    "cow": "cow",
    "diningtable": "dining table",
    "dog": "dog",
    "horse": "horse",
    "motorbike": "motorcycle",
    "person": "person",
    "pottedplant": "potted plant",
    "sheep": "sheep",
    "sofa": "couch",
    "train": "train",
    "tvmonitor": "tv",
}


@pytest.fixture(scope="module")
def roots(tmp_path_factory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("cross")
    return write_coco20i(folder / "coco").root, write_pascal5i(folder / "voc").root


@pytest.fixture
def coco(roots):
    return Coco20iReleased(roots[0])


@pytest.fixture
def pascal(roots):
    return Pascal5i(roots[1])


def names(protocol, source):
    """The names of the classes trained and tested."""
    pools = [protocol.pools(source, stage)[0] for stage in ("train", "test")]
    return tuple([pool.source.class_name(class_id) for class_id in pool.classes] for pool in pools)


@pytest.mark.parametrize("fold", range(4))
def test_the_published_lists_without_overlap_by_name(coco, pascal, fold):
    protocol = CocoToPascal(coco, fold)
    (train,), (test,) = (protocol.pools(pascal, stage) for stage in ("train", "test"))
    assert (train.source, train.split, test.source, test.split) == (coco, "train", pascal, "val")
    assert tuple(class_id + 1 for class_id in test.classes) == PUBLISHED[fold]
    assert train.classes == tuple(c for c in range(80) if c % 4 != fold)
    trained, tested = names(protocol, pascal)
    assert not {BOTH_NAMES[name] for name in tested} & set(trained)
    # All of PASCAL's other classes may be trained on, and are.
    assert {BOTH_NAMES[name] for name in set(BOTH_NAMES) - set(tested)} <= set(trained)


def test_the_four_folds_test_each_class_once():
    assert sorted(number for fold in PUBLISHED for number in fold) == list(range(1, 21))


@pytest.mark.parametrize("fold", range(4))
def test_the_real_category_file_gives_the_same(shared, pascal, fold):
    mini = Coco(shared / "data" / "coco_mini")
    test = CocoToPascal(mini, fold).pools(pascal, "test")[0]
    assert tuple(class_id + 1 for class_id in test.classes) == PUBLISHED[fold]
    trained, tested = names(CocoToPascal(mini, fold), pascal)
    assert not {BOTH_NAMES[name] for name in tested} & set(trained)


def test_episodes_are_of_the_right_dataset(coco, pascal):
    data = EpisodeDataModule(
        pascal, CocoToPascal(coco, 1), size=16, train_length=8, test_episodes=40, test_order=EveryImageEpisodes
    )
    data.setup("fit")
    data.setup("test")
    assert {episode.source for episode in data.episodes("train")} == {"coco20i_released"}
    tested = list(data.episodes("test"))
    assert {episode.source for episode in tested} == {"pascal5i"}
    assert {episode.class_id for episode in tested} == {1, 5, 12, 17}
    assert data.class_names == {1: "bicycle", 5: "bus", 12: "horse", 17: "sofa"}


@pytest.mark.slow
def test_a_run_trains_on_one_and_scores_the_other(roots, tmp_path):
    config = tiny(roots[1])
    config["data"]["source"] = {"class_path": "Pascal5i", "init_args": {"root": str(roots[1])}}
    coco = {"class_path": "Coco20iReleased", "init_args": {"root": str(roots[0])}}
    config["data"]["protocol"] = {"class_path": "CocoToPascal", "init_args": {"train_source": coco, "fold": 3}}
    config["trainer"]["max_epochs"] = 1
    call("fit", "--config", write_yaml(tmp_path / "cross.yaml", config), "--run_dir", tmp_path / "run")
    classes = result(tmp_path / "run")["metrics"]["test"]["classes"]
    assert [score["name"] for score in classes] == ["bottle", "cat", "cow", "motorbike"]


class TestMistakes:
    @pytest.mark.parametrize("fold", [-1, 4])
    def test_fold(self, coco, fold):
        with pytest.raises(ValueError, match=rf"CocoToPascal.fold: expected 0 to 3, but got {fold}"):
            CocoToPascal(coco, fold)

    def test_min_images(self, coco):
        with pytest.raises(ValueError, match=r"CocoToPascal.min_images: expected at least 2, but got 1"):
            CocoToPascal(coco, 0, min_images=1)

    @pytest.mark.parametrize("stage", ["train", "test"])
    def test_not_coco(self, pascal, stage):
        message = r"CocoToPascal.train_source: expected COCO with 80 classes, but got pascal5i in .* with 20"
        with pytest.raises(ValueError, match=message):
            CocoToPascal(pascal, 0).pools(pascal, stage)

    def test_not_pascal(self, coco, tmp_path):
        mine = Folder(write_folder(tmp_path / "mine").root)
        with pytest.raises(
            ValueError, match=r"CocoToPascal: expected PASCAL's classes in folder .*, but COCO has no class '\w+'"
        ):
            CocoToPascal(coco, 0).pools(mine, "test")
