"""What is mutated: each source with a small dataset in its true layout, its oracle, and the files val is read from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from fakes.ade20k import write_ade20k
from fakes.coco import write_coco
from fakes.coco20i_released import write_coco20i
from fakes.deepglobe import write_deepglobe
from fakes.folder import write_folder
from fakes.fss1000 import write_fss1000
from fakes.isic import write_isic
from fakes.lung import write_lung
from fakes.lvis import write_lvis
from fakes.paco_part import write_paco
from fakes.pascal5i import write_pascal5i
from fakes.pascal_part import write_pascal_part
from fuzz import oracles
from sansa_lightning.data.sources.ade20k import Ade20k
from sansa_lightning.data.sources.base import Source
from sansa_lightning.data.sources.coco import Coco
from sansa_lightning.data.sources.coco20i_released import Coco20iReleased
from sansa_lightning.data.sources.coco_file import CocoFile
from sansa_lightning.data.sources.deepglobe import DeepGlobe
from sansa_lightning.data.sources.folder import Folder
from sansa_lightning.data.sources.fss1000 import Fss1000
from sansa_lightning.data.sources.isic import Isic
from sansa_lightning.data.sources.lung import Lung
from sansa_lightning.data.sources.lvis import Lvis, LvisReleased
from sansa_lightning.data.sources.paco_part import PacoPart, PacoPartReleased
from sansa_lightning.data.sources.pascal5i import Pascal5i
from sansa_lightning.data.sources.pascal_part import PascalPart


@dataclass(frozen=True)
class Subject:
    """One source.

    Attributes:
        label: its name.
        write: writes fake data below a folder that is not there yet.
        build: the source of a root.
        oracle: what the val split of a root holds.
        annotations: patterns below the root of the annotation files that are read for the val split.
        pictures: patterns of the images and masks.
        ordered: whether the order of keys in JSON is an order of classes.
    """

    label: str
    write: Callable[[Path], Any]
    build: Callable[[Path], Source]
    oracle: oracles.Oracle
    annotations: tuple[str, ...]
    pictures: tuple[str, ...]


def _coco_file(root: Path) -> CocoFile:
    return CocoFile(root / "val2017", root / "annotations" / "instances_val2017.json")


VOC = "VOCdevkit/VOC2010"

SUBJECTS = (
    Subject(
        "coco",
        partial(write_coco, images=8),
        Coco,
        oracles.coco,
        ("annotations/instances_val2017.json",),
        ("val2017/*.jpg",),
    ),
    Subject(
        "coco_file",
        partial(write_coco, images=8),
        _coco_file,
        oracles.coco,
        ("annotations/instances_val2017.json",),
        ("val2017/*.jpg",),
    ),
    Subject("lvis", partial(write_lvis, images=5), Lvis, oracles.lvis, ("lvis_v1_val.json",), ("coco/val2017/*.jpg",)),
    Subject(
        "lvis_released",
        partial(write_lvis, images=5),
        LvisReleased,
        oracles.lvis_released,
        ("lvis_val.pkl",),
        ("coco/val2017/*.jpg",),
    ),
    Subject(
        "paco_part",
        partial(write_paco, images=5),
        PacoPart,
        oracles.paco,
        ("paco/paco_lvis_v1_val.json",),
        ("coco/val2017/*.jpg",),
    ),
    Subject(
        "paco_part_released",
        partial(write_paco, images=5),
        PacoPartReleased,
        oracles.paco_released,
        ("paco/paco_part_val.pkl",),
        ("coco/val2017/*.jpg",),
    ),
    Subject(
        "pascal_part",
        partial(write_pascal_part, pictures=1),
        PascalPart,
        oracles.pascal_part,
        (f"{VOC}/all_obj_part_to_image.json", f"{VOC}/Annotations_Part_json_merged_part_classes/2008_*_1.json"),
        (f"{VOC}/JPEGImages/2008_*_1.jpg",),
    ),
    Subject(
        "coco20i_released",
        partial(write_coco20i, images=8),
        Coco20iReleased,
        oracles.coco20i_released,
        ("splits/val/*.pkl",),
        ("val2014/*.jpg", "annotations/val2014/*.png"),
    ),
    Subject(
        "pascal5i",
        partial(write_pascal5i, images=20),
        Pascal5i,
        oracles.pascal5i,
        ("splits/pascal/val/*.txt",),
        ("JPEGImages/2008*.jpg", "SegmentationClassAug/2008*.png"),
    ),
    Subject(
        "ade20k",
        write_ade20k,
        Ade20k,
        oracles.ade20k,
        ("objectInfo150.txt",),
        ("images/validation/*.jpg", "annotations/validation/*.png"),
    ),
    Subject(
        "fss1000",
        write_fss1000,
        Fss1000,
        oracles.fss1000,
        ("splits/*.txt",),
        ("data/owl/*.jpg", "data/owl/*.png"),
    ),
    Subject("folder", write_folder, Folder, oracles.folder, (), ("val/*/images/*", "val/*/masks/*.png")),
    Subject("deepglobe", write_deepglobe, DeepGlobe, oracles.deepglobe, (), ("image/*.jpg", "filter_mask/*/*.png")),
    Subject(
        "isic",
        write_isic,
        Isic,
        oracles.isic,
        (),
        ("ISIC2018_Task1-2_Training_Input/*/*.jpg", "ISIC2018_Task1_Training_GroundTruth/*.png"),
    ),
    Subject("lung", write_lung, Lung, oracles.lung, (), ("CXR_png/[CM]*.png", "masks/*.png")),
)
