"""The benchmarks on PASCAL VOC's photographs: the sources of their data, and their layouts on disk."""

from __future__ import annotations

from pathlib import Path

from sansa_lightning.prepare.benchmark import Archive, Benchmark, Content, File, Layout, Made, Remote, read_by, renamed

# Addresses and checksums: torchvision's VOCSegmentation and SBDataset.
_VOC = "http://host.robots.ox.ac.uk/pascal/VOC"
_HSNET = "https://raw.githubusercontent.com/juhongm999/hsnet/HEAD/data/splits/pascal"
AUGMENTED = "SegmentationClassAug"
"""Folder of the label maps of VOC and SBD."""

_AUGMENTED = (Content(f"{AUGMENTED}/*.png", 12_031),)


def _make_augmented(root: Path) -> None:
    from sansa_lightning.prepare.augmented_masks import make_augmented  # imports torch

    make_augmented(root)


def _list(folder: str, fold: int) -> File:
    size = 60_000 if folder == "trn" else 7_000
    return File(
        Remote(f"{_HSNET}/{folder}/fold{fold}.txt", size, exact=False), f"splits/pascal/{folder}/fold{fold}.txt"
    )


PASCAL5I = Benchmark(
    name="pascal5i",
    page="http://host.robots.ox.ac.uk/pascal/VOC/voc2012/",
    terms="photographs under Flickr's terms; as on the pages of VOC and SBD",
    steps=(
        *(_list(folder, fold) for folder in ("trn", "val") for fold in range(4)),
        Archive(
            file="VOCtrainval_11-May-2012.tar",
            contents=(Content("JPEGImages/*.jpg", 17_125), Content("SegmentationClass/*.png", 2_913)),
            unpacked=1_900_000_000,
            members=renamed(r"(?:.*/)?VOC2012/(JPEGImages/[^/]+\.jpg|SegmentationClass/[^/]+\.png)", r"\1"),
            remote=Remote(
                f"{_VOC}/voc2012/VOCtrainval_11-May-2012.tar",
                1_999_639_040,
                checksum="md5:6cd6e144f989b92b3379bac3b3de84fd",
            ),
        ),
        Archive(
            file="benchmark.tgz",
            contents=(Content("sbd/cls/*.mat", 11_355),),
            unpacked=60_000_000,
            members=renamed(r"(?:.*/)?dataset/cls/([^/.][^/]*\.mat)", r"sbd/cls/\1"),
            remote=Remote(
                "https://www2.eecs.berkeley.edu/Research/Projects/CS/vision/grouping/semantic_contours/benchmark.tgz",
                1_419_539_633,
                checksum="md5:82b4d87ceb2ed10f6038a1cba92111cb",
            ),
            superseded_by=_AUGMENTED,
        ),
        Made("label maps of VOC and SBD", _AUGMENTED, 60_000_000, _make_augmented),
    ),
    layouts=(
        Layout("splits/pascal/val/fold0.txt", read_by("pascal5i:Pascal5i")),
        Layout("fss_list/val/data_list_0.txt", read_by("pascal_lists:PascalLists")),
    ),
)

_ANNOTATIONS = "Annotations_Part_json_merged_part_classes"
_INDEX = "all_obj_part_to_image.json"

PASCAL_PART = Benchmark(
    name="pascal_part",
    page="https://github.com/aim-uofa/Matcher/blob/main/datasets/README.md",
    terms="photographs under Flickr's terms; annotations as on http://roozbehm.info/pascal-parts/pascal-parts.html",
    steps=(
        Archive(
            file="VOCtrainval_03-May-2010.tar",
            contents=(Content("VOCdevkit/VOC2010/JPEGImages/*.jpg", 11_321),),
            unpacked=1_300_000_000,
            members=renamed(r"(?:.*/)?(VOCdevkit/VOC2010/JPEGImages/[^/]+\.jpg)", r"\1"),
            remote=Remote(
                f"{_VOC}/voc2010/VOCtrainval_03-May-2010.tar",
                1_350_000_000,
                exact=False,
                checksum="md5:da459979d0c395079b5c75ee67908abb",
            ),
        ),
        Archive(
            file="pascal.zip",
            contents=(
                Content(f"VOCdevkit/VOC2010/{_INDEX}", 1),
                Content(f"VOCdevkit/VOC2010/{_ANNOTATIONS}/*.json", 1),
            ),
            unpacked=1_000_000_000,
            members=renamed(rf"(?:.*/)?({_INDEX}|{_ANNOTATIONS}/[^/.][^/]*\.json)", r"VOCdevkit/VOC2010/\1"),
            page="https://drive.google.com/file/d/1WaM0VM6I9b3u3v3w-QzFLJI8d3NRumTK/view (linked on the page above)",
        ),
    ),
    layouts=(Layout(f"VOCdevkit/VOC2010/{_INDEX}", read_by("pascal_part:PascalPart")),),
)
