"""Numbers of a configuration, against counts taken from the fakes' own truth."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from fakes.coco import FakeCoco, write_coco
from fakes.deepglobe import write_deepglobe
from fakes.lvis import write_lvis
from fakes.paco_part import write_paco
from sansa_lightning.clips.episode import ClassId
from sansa_lightning.data.datamodule import EpisodeDataModule
from sansa_lightning.data.protocols.base import Chosen, InDomain, Strict
from sansa_lightning.data.protocols.class_lists import AllClasses
from sansa_lightning.data.protocols.generalist import CrossDataset, Generalist
from sansa_lightning.data.sources.coco import Coco
from sansa_lightning.data.sources.coco_file import CocoFile
from sansa_lightning.data.sources.deepglobe import DeepGlobe
from sansa_lightning.data.sources.lvis import Lvis
from sansa_lightning.data.sources.paco_part import PacoPart
from sansa_lightning.data.sources.patterns import Patterns
from sansa_lightning.describe.overlap import Overlap
from sansa_lightning.describe.summary import COUNTED, PoolSummary, summarise


def objects_in(path: Path, category: int) -> int:
    """Annotations of a category that are no crowds."""
    found = json.loads(path.read_text())["annotations"]
    return sum(a["category_id"] == category and not a.get("iscrowd", 0) for a in found)


def described(source, protocol, **options):
    return summarise(EpisodeDataModule(source, protocol, **{"test_episodes": 30, "train_length": 50, **options}))


def ids(pool: PoolSummary) -> list[ClassId]:
    return [row.class_id for row in pool.rows]


@pytest.fixture(scope="module")
def found(coco: FakeCoco):
    return described(Coco(coco.root), Strict(fold=1))


class TestCoco:
    def test_classes(self, found):
        assert ids(found.test) == [1, 5]
        assert ids(found.train[0]) == [0, 2, 3, 4, 6]
        assert found.train[0].dropped == ("rare",)
        assert found.test.dropped == ()
        assert [row.name for row in found.test.rows] == ["bee", "fox"]

    def test_images_and_objects(self, coco, found):
        numbers = {"ant": 2, "bee": 3, "cat": 7, "dog": 11, "eel": 13, "fox": 20, "gnu": 21}
        for pool in (*found.train, found.test):
            for row in pool.rows:
                assert row.images == len(coco.images(row.class_id, pool.split))
                assert row.objects == objects_in(coco.annotations(pool.split), numbers[row.name])

    def test_episodes(self, found):
        assert found.counted == (COUNTED, 30)
        assert sum(row.episodes for row in found.test.rows) == 30
        assert sum(row.episodes for row in found.train[0].rows) == COUNTED
        assert found.train[0].share == found.train[0].drawn == 1

    def test_nothing_is_shared(self, coco, found):
        pictures = {key for class_id in (1, 5) for key in coco.images(class_id, "val")}
        assert found.overlap == Overlap((), 2, 0, len(pictures))


def test_classes_that_are_trained_on(coco):
    found = described(Coco(coco.root), InDomain(fold=1))
    assert found.overlap.classes == ("ant", "cat", "dog", "eel", "gnu")
    assert found.overlap.pictures == 0


def test_pictures_that_are_in_both(coco):
    source = CocoFile(coco.root / "val2017", coco.annotations("val"))
    found = described(source, Strict(fold=1))
    sets = [{key for c in classes for key in coco.images(c, "val")} for classes in ([0, 2, 3, 4, 6], [1, 5])]
    assert found.overlap == Overlap((), 2, len(sets[0] & sets[1]), len(sets[1]))
    assert found.overlap.pictures > 0


def test_the_same_classes_by_name(coco, tmp_path):
    """Of another source and by other numbers: LVIS's ant, bee, cat and dog."""
    lvis = write_lvis(tmp_path / "lvis").root
    found = described(Coco(coco.root), CrossDataset(Lvis(lvis)))
    assert found.overlap.classes == ("ant", "bee", "cat", "dog")


def test_the_same_photographs_by_their_number(tmp_path):
    """COCO 2014 calls a photograph otherwise than LVIS does."""
    fake = write_coco(tmp_path / "coco")
    lvis = write_lvis(tmp_path / "lvis")
    for index, entry in enumerate(json.loads(lvis.json("train").read_text())["images"][:3]):
        file = Path(entry.get("coco_url") or entry["file_name"]).name
        renamed = f"COCO_val2014_{file}"
        (fake.root / "val2017" / f"{index:012d}.jpg").rename(fake.root / "val2017" / renamed)
        fake.edit("val", lambda c, i=index, name=renamed: c["images"][i].update(file_name=name))
    found = described(Coco(fake.root), CrossDataset(Lvis(lvis.root)))
    other = {Path(key).name for c in Lvis(lvis.root).classes("train") for key in Lvis(lvis.root).images(c, "train")}
    tested = {key for c in Coco(fake.root).classes("val") for key in Coco(fake.root).images(c, "val")}
    assert found.overlap.pictures == sum(Path(key).name.removeprefix("COCO_val2014_") in other for key in tested) > 0


def test_a_mix(coco, tmp_path):
    lvis, paco = write_lvis(tmp_path / "lvis").root, write_paco(tmp_path / "paco").root
    sources = {"coco": Coco(coco.root), "lvis": Lvis(lvis), "paco": PacoPart(paco)}
    found = described(Coco(coco.root), Generalist(sources, {"coco": 1, "lvis": 2, "paco": 1}))
    assert [pool.share for pool in found.train] == [0.25, 0.5, 0.25]
    assert sum(pool.drawn for pool in found.train) == 1
    for pool in found.train:
        assert abs(pool.drawn - pool.share) < 3 * np.sqrt(0.25 / COUNTED)
        assert sum(row.episodes for row in pool.rows) == pool.drawn * COUNTED
    assert len(found.overlap.classes) == found.overlap.tested == 7


def test_objects_of_lvis_and_paco(tmp_path):
    lvis, paco = write_lvis(tmp_path / "lvis"), write_paco(tmp_path / "paco").root
    source = Lvis(lvis.root)
    for class_id in source.classes("train"):
        assert source.object_count(class_id, "train") == objects_in(lvis.json("train"), class_id)
    parts = PacoPart(paco)
    assert all(parts.object_count(c, "val") >= len(parts.images(c, "val")) for c in parts.classes("val"))


def test_a_dataset_that_cannot_be_trained_on(tmp_path):
    found = described(DeepGlobe(write_deepglobe(tmp_path / "data").root), AllClasses())
    assert found.train == ()
    assert "no classes in its train split" in found.untrained
    assert found.overlap is None
    assert found.phases == ("test",)
    assert found.counted == (0, 30)
    assert {row.objects for row in found.test.rows} == {None}


def test_a_training_list_that_is_wrong_is_no_missing_one(coco):
    with pytest.raises(ValueError, match="Chosen"):
        described(Coco(coco.root), Chosen([0, 99]))


class TestBehindASourceThatIsOnlyTested:
    """What cannot be trained on is the train source, whatever the datamodule's own one has."""

    def described(self, globe, protocol):
        return described(DeepGlobe(globe), protocol)

    @pytest.fixture
    def globe(self, tmp_path):
        return write_deepglobe(tmp_path / "globe").root

    @pytest.mark.parametrize("protocol", [CrossDataset, lambda source: Generalist({"mine": source}, {"mine": 1})])
    def test_a_broken_train_source_is_an_error(self, globe, tmp_path, protocol):
        fake = write_coco(tmp_path / "coco")
        broken = fake.root / "train2017" / "000000000001.jpg"
        broken.write_bytes(broken.read_bytes()[:90])
        with pytest.raises(ValueError, match=r"000000000001.jpg"):
            self.described(globe, protocol(Coco(fake.root)))

    def test_a_broken_annotation_file_is_one_too(self, globe, tmp_path):
        fake = write_coco(tmp_path / "coco")
        fake.annotations("train").write_text("{")
        with pytest.raises(ValueError, match=r"instances_train2017.json is not valid JSON"):
            self.described(globe, CrossDataset(Coco(fake.root)))

    def test_a_whole_one_is_described(self, globe, coco):
        assert [pool.split for pool in self.described(globe, CrossDataset(Coco(coco.root))).train] == ["train"]

    def test_a_train_source_that_is_only_tested(self, globe):
        found = self.described(globe, CrossDataset(DeepGlobe(globe)))
        assert found.train == ()
        assert "CrossDataset.train_source: there are no classes in the train split" in found.untrained


def test_the_miniature():
    found = described(Patterns(), Strict(fold=0))
    assert [len(pool.rows) for pool in (*found.train, found.test)] == [24, 8]
    assert found.overlap.classes == ()
    assert found.overlap.pictures == 0
