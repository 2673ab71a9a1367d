"""What every source has to do, on fake data in its real layout; a new source is one row."""

from __future__ import annotations

import pickle
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch.utils.data import DataLoader

from fakes.ade20k import write_ade20k
from fakes.coco import write_coco
from fakes.coco20i_released import write_coco20i
from fakes.deepglobe import write_deepglobe
from fakes.fold_lists import write_coco_lists, write_pascal_lists
from fakes.folder import write_folder
from fakes.fss1000 import write_fss1000
from fakes.isic import write_isic
from fakes.lung import write_lung
from fakes.lvis import write_lvis
from fakes.paco_part import write_paco
from fakes.pascal5i import write_pascal5i
from fakes.pascal_part import write_pascal_part
from sansa_lightning.clips.batch import ClipBatch
from sansa_lightning.data.episodes.dataset import ClipDataset
from sansa_lightning.data.episodes.samplers import RoundRobinEpisodes
from sansa_lightning.data.prompts import MaskPrompt
from sansa_lightning.data.protocols.class_lists import AllClasses
from sansa_lightning.data.sources.abilities import listing, object_count, objects_of
from sansa_lightning.data.sources.ade20k import Ade20k
from sansa_lightning.data.sources.base import Source
from sansa_lightning.data.sources.coco import Coco
from sansa_lightning.data.sources.coco20i_released import Coco20iReleased
from sansa_lightning.data.sources.coco_file import CocoFile
from sansa_lightning.data.sources.coco_lists import CocoLists
from sansa_lightning.data.sources.deepglobe import DeepGlobe
from sansa_lightning.data.sources.folder import Folder
from sansa_lightning.data.sources.fss1000 import Fss1000
from sansa_lightning.data.sources.isic import Isic
from sansa_lightning.data.sources.lung import Lung
from sansa_lightning.data.sources.lvis import Lvis, LvisReleased
from sansa_lightning.data.sources.paco_part import PacoPart, PacoPartReleased
from sansa_lightning.data.sources.pascal5i import Pascal5i
from sansa_lightning.data.sources.pascal_lists import PascalLists
from sansa_lightning.data.sources.pascal_part import PascalPart


@dataclass(frozen=True)
class Row:
    """One source.

    Attributes:
        label: its name in the test's id.
        write: writes fake data below a folder that is not there yet; the result has ``root`` and ``truth``, which
            gives the mask of each (key, class id) that the source lists, or that has only ignored pixels.
        build: the source of a root.
        image: path below the root of an image of the val split.
        splits: those that the dataset has.
    """

    label: str
    write: Callable[[Path], Any]
    build: Callable[[Path], Source]
    image: str
    splits: tuple[str, ...] = ("train", "val")


ROWS = (
    Row("coco", write_coco, Coco, "val2017/000000000004.jpg"),
    Row(
        "coco_file",
        write_coco,
        lambda root: CocoFile(root / "val2017", root / "annotations" / "instances_val2017.json"),
        "val2017/000000000004.jpg",
        ("val",),
    ),
    Row("fss1000", write_fss1000, Fss1000, "data/owl/3.jpg"),
    Row("pascal5i", write_pascal5i, Pascal5i, "JPEGImages/2008_000011.jpg"),
    Row("ade20k", write_ade20k, Ade20k, "images/validation/ADE_val_00000003.jpg"),
    Row("deepglobe", write_deepglobe, DeepGlobe, "image/100004_sat_44.jpg", ("val",)),
    Row("isic", write_isic, Isic, "ISIC2018_Task1-2_Training_Input/2/ISIC_0000001.jpg", ("val",)),
    Row("lung", write_lung, Lung, "CXR_png/MCUCXR_0005_0.png", ("val",)),
    Row("folder", write_folder, Folder, "val/nut/images/1.png"),
    Row("coco20i_released", write_coco20i, Coco20iReleased, "val2014/COCO_val2014_000000000004.jpg"),
    Row("pascal_lists", write_pascal_lists, PascalLists, "JPEGImages/2008_000011.jpg"),
    Row("coco_lists", write_coco_lists, CocoLists, "val2014/COCO_val2014_000000000004.jpg"),
    Row("lvis", write_lvis, Lvis, "coco/val2017/000000005004.jpg"),
    Row("lvis_released", write_lvis, LvisReleased, "coco/val2017/000000005004.jpg"),
    Row("paco_part", write_paco, PacoPart, "coco/val2017/000000000004.jpg"),
    Row("paco_part_released", write_paco, PacoPartReleased, "coco/val2017/000000000004.jpg"),
    Row("pascal_part", write_pascal_part, PascalPart, "VOCdevkit/VOC2010/JPEGImages/2008_dog_1.jpg"),
)

ONE_MASK = ("fss1000", "deepglobe", "isic", "lung", "folder")
"""Sources that know one mask of an image at a time, and so not its objects."""


@pytest.fixture(scope="module", params=ROWS, ids=lambda row: row.label)
def row(request: pytest.FixtureRequest) -> Row:
    return request.param


@pytest.fixture(scope="module")
def fake(row: Row, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Written once; tests must not change it."""
    return row.write(tmp_path_factory.mktemp(row.label) / "data")


@pytest.fixture
def source(row: Row, fake: Any) -> Source:
    return row.build(fake.root)


@pytest.fixture
def broken(row: Row, tmp_path: Path) -> Path:
    """The root of a copy that a test may break."""
    return row.write(tmp_path / "data").root


def listed(source: Source, row: Row) -> list[tuple[str, int]]:
    """Every key with every class that it is listed for."""
    return [(key, c) for split in row.splits for c in source.classes(split) for key in source.images(c, split)]


def test_classes_are_ascending_and_have_names(row, source):
    for split in row.splits:
        classes = source.classes(split)
        assert classes
        assert list(classes) == sorted(set(classes))
        assert all(type(class_id) is int for class_id in classes)
        names = [source.class_name(class_id) for class_id in classes]
        assert all(names)
        assert len(set(names)) == len(names)
        assert set(listing(source, split)) == set(classes)
    assert re.fullmatch(r"[a-z0-9_]+", source.name)
    assert source.name in str(source)


def test_images_are_those_that_show_the_class(row, source, fake):
    found = listed(source, row)
    assert len(set(found)) == len(found)
    assert all(key.startswith(tuple(f"{split}/" for split in row.splits)) for key, _ in found)
    expected = {(k, c) for (k, c), mask in fake.truth.items() if 1 in mask and k.startswith(row.splits)}
    assert set(found) == expected


def test_order_is_fixed(row, source, fake):
    again = row.build(fake.root)
    # Asked in another order.
    for split in reversed(row.splits):
        for class_id in reversed(again.classes(split)):
            assert list(again.images(class_id, split)) == list(source.images(class_id, split))


def test_images_and_masks(row, source, fake):
    for key, class_id in listed(source, row):
        image, mask = source.load(key, class_id)
        assert image.dtype == mask.dtype == np.uint8
        assert image.shape == (*mask.shape, 3)
        np.testing.assert_array_equal(mask, fake.truth[key, class_id])


def test_every_image_is_of_a_picture(row, source):
    for key, class_id in listed(source, row):
        with Image.open(source.picture(key)) as picture:
            height, width = source.load(key, class_id)[1].shape
            assert picture.width >= width
            assert picture.height >= height
    with pytest.raises(KeyError, match="unknown image"):
        source.picture("val/no such image")


def test_images_show_an_object_at_least(row, source):
    for split in row.splits:
        for class_id in source.classes(split):
            objects = object_count(source, class_id, split)
            assert objects is None or objects >= len(source.images(class_id, split))


def test_intact_data_passes(row, source):
    for split in row.splits:
        source.verify(split)


def test_unknown_image(row, source):
    class_id = source.classes("val")[0]
    for unknown in ("val/no such image", "test/1", "", 5):
        with pytest.raises(KeyError, match=f"unknown image {unknown!r}; expected"):
            source.load(unknown, class_id)


def test_unknown_class(row, source):
    key = listed(source, row)[0][0]
    for ask in (source.class_name, lambda c: source.images(c, "val"), lambda c: source.load(key, c)):
        for class_id in (-1, 1_000_000):
            with pytest.raises(KeyError, match=f"unknown class {class_id}; expected "):
                ask(class_id)


def test_no_root(row, tmp_path):
    source = row.build(tmp_path / "nowhere")
    for ask in (source.classes, source.verify):
        with pytest.raises(FileNotFoundError, match=r"[\w.]+root: \S*nowhere\S* is not a folder; expected"):
            ask("val")


@pytest.mark.parametrize("damage", ["truncated", "garbage", "empty"])
def test_broken_image(row, broken, damage):
    path = broken / row.image
    content = path.read_bytes()
    path.write_bytes({"truncated": content[: len(content) // 2], "garbage": b"x" * 500, "empty": b""}[damage])
    source = row.build(broken)
    message = f"{re.escape(str(path))} cannot be decoded as an image"
    with pytest.raises(ValueError, match=message):
        source.verify("val")
    with pytest.raises(ValueError, match=message):
        [source.load(key, class_id) for key, class_id in listed(source, row)]


def test_missing_image(row, broken):
    path = broken / row.image
    path.unlink()
    source = row.build(broken)
    with pytest.raises(FileNotFoundError, match=re.escape(path.stem)) as caught:
        source.verify("val")
    assert "\n" not in str(caught.value)


def test_copies_for_workers_give_the_same(row, source, fake):
    fresh = pickle.loads(pickle.dumps(source))  # noqa: S301 - our own object, as spawned workers get it
    (key, class_id), *_ = listed(source, row)
    used = pickle.loads(pickle.dumps(source))  # noqa: S301
    for copy in (fresh, used):
        assert listed(copy, row) == listed(source, row)
        np.testing.assert_array_equal(copy.load(key, class_id)[0], source.load(key, class_id)[0])


def test_clips_are_the_same_from_a_worker(row, source):
    pools = AllClasses().pools(source, "test")
    episodes = RoundRobinEpisodes(pools, shots=1, targets=1, seed=0, length=6)
    clips = ClipDataset(episodes, {source.name: source}, 32, MaskPrompt())
    batches = [
        list(DataLoader(clips, batch_size=3, num_workers=workers, collate_fn=ClipBatch.collate)) for workers in (0, 1)
    ]
    for here, there in zip(*batches, strict=True):
        assert here.episodes == there.episodes
        assert torch.equal(here.images, there.images)
        assert torch.equal(here.masks, there.masks)


def test_objects_are_those_of_the_masks_or_nobody_knows(source, row):
    for key, class_id in listed(source, row):
        assert source.shows(key, class_id)
        shown = objects_of(source, key)
        if row.label in ONE_MASK:
            assert shown is None
            continue
        numbers, classes = shown
        mask = source.load(key, class_id)[1]
        mine = [k + 1 for k, other in enumerate(classes) if other == class_id]
        assert numbers.shape == mask.shape
        assert mine
        assert bool((mask[np.isin(numbers, mine)] == 1).all())
        assert bool((numbers[mask == 1] > 0).all())
    for key in {key: None for key, _ in listed(source, row)} if row.label not in ONE_MASK else ():
        for other in set(source.classes(row.splits[-1])) - set(objects_of(source, key)[1]):
            assert not source.shows(key, other)
