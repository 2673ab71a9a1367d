"""The benchmarks on other pictures: the sources of their data, and their layouts on disk."""

from __future__ import annotations

from pathlib import Path

from sansa_lightning.prepare.benchmark import (
    Archive,
    Benchmark,
    Content,
    Destination,
    File,
    Layout,
    Remote,
    read_by,
    renamed,
)

TABLE = "class_id.csv"
"""Below the root; columns ``ID`` and ``Class``, one line per image."""

FOLDER = "ISIC2018_Task1-2_Training_Input"

_HSNET = "https://raw.githubusercontent.com/juhongm999/hsnet/HEAD/data/splits/fss"
_FSS = (Content("data/*/*.jpg", 10_000), Content("data/*/*.png", 10_000))

FSS1000 = Benchmark(
    name="fss1000",
    page="https://github.com/HKUSTCV/FSS-1000",
    terms="as on its page",
    steps=(
        *(
            File(Remote(f"{_HSNET}/{listed}.txt", size, exact=False), f"splits/{listed}.txt")
            for listed, size in (("trn", 6_000), ("val", 3_000), ("test", 3_000))
        ),
        Archive(
            file="fewshot_data.zip",
            contents=_FSS,
            unpacked=700_000_000,
            members=renamed(r"(?:.*/)?([^/]+)/(\d+)\.(jpg|png)", r"data/\1/\2.\3"),
            page="https://drive.google.com/file/d/16TgqOeI_0P41Eh3jWQlxlRXG9KIqtMgI/view",
        ),
    ),
    layouts=(
        Layout("splits/test.txt", read_by("fss1000:Fss1000"), contents=_FSS),
        Layout("splits/val.txt", read_by("fss1000:Fss1000", val="val"), splits=("val",)),
    ),
)

_ADE = tuple(
    Content(f"{kind}/{split}/*.{ending}", count)
    for kind, ending in (("images", "jpg"), ("annotations", "png"))
    for split, count in (("training", 20_210), ("validation", 2_000))
)

ADE20K = Benchmark(
    name="ade20k",
    page="http://sceneparsing.csail.mit.edu/",
    terms="non-commercial research and education: https://groups.csail.mit.edu/vision/datasets/ADE20K/terms/",
    steps=(
        Archive(
            file="ADEChallengeData2016.zip",
            contents=(*_ADE, Content("objectInfo150.txt", 1)),
            unpacked=1_000_000_000,
            members=renamed(
                r"ADEChallengeData2016/"
                r"(objectInfo150\.txt|images/[^/]+/[^/.][^/]*\.jpg|annotations/[^/]+/[^/.][^/]*\.png)",
                r"\1",
            ),
            remote=Remote(
                "http://data.csail.mit.edu/places/ADEchallenge/ADEChallengeData2016.zip",
                967_000_000,
                exact=False,
                checksum="sha1:219e1696abb36c8ba3a3afe7fb2f4b4606a897c7",  # GluonCV, scripts/datasets/ade20k.py
            ),
        ),
    ),
    layouts=(Layout("annotations", read_by("ade20k:Ade20k"), contents=_ADE),),
)

DEEPGLOBE = Benchmark(
    name="deepglobe",
    page="https://github.com/slei109/PATNet#datasets",
    terms="as on http://deepglobe.org/; non-commercial research",
    steps=(
        Archive(
            file="deepglobe.zip",
            contents=(Content("image/*.jpg", 1), *(Content(f"filter_mask/{c}/*.png", 1) for c in range(1, 7))),
            unpacked=2_000_000_000,
            members=renamed(r"(?:.*/)?(image/[^/.][^/]*\.jpg|filter_mask/[1-6]/[^/.][^/]*\.png)", r"\1"),
            page="https://drive.google.com/file/d/12Dljy04maKIim3mZsR50CEOC3_ROZLCg/view (the preprocessed patches)",
        ),
    ),
    layouts=(Layout("filter_mask", read_by("deepglobe:DeepGlobe"), splits=("val",)),),
)

_ISIC = "https://isic-challenge-data.s3.amazonaws.com/2018"
_MASKS = "ISIC2018_Task1_Training_GroundTruth"
_SORTED = tuple(Content(f"{FOLDER}/{number}/*.jpg", count) for number, count in ((1, 1867), (2, 519), (3, 208)))
_ISIC_MASKS = Content(f"{_MASKS}/*_segmentation.png", 2594)


def _by_diagnosis(root: Path) -> Destination:
    from sansa_lightning.prepare.diagnoses import by_diagnosis  # imports torch

    return by_diagnosis(root)


ISIC = Benchmark(
    name="isic",
    page="https://challenge.isic-archive.com/data/#2018",
    terms="as on its page; images of the ISIC Archive, partly non-commercial",
    steps=(
        File(
            Remote("https://raw.githubusercontent.com/slei109/PATNet/HEAD/data/isic/class_id.csv", 57_000, exact=False),
            TABLE,
        ),
        Archive(
            file=f"{_MASKS}.zip",
            contents=(_ISIC_MASKS,),
            unpacked=60_000_000,
            members=renamed(rf"(?:.*/)?({_MASKS}/ISIC_\d+_segmentation\.png)", r"\1"),
            remote=Remote(f"{_ISIC}/{_MASKS}.zip", 27_000_000, exact=False),
        ),
        Archive(
            file=f"{FOLDER}.zip",
            contents=_SORTED,
            unpacked=11_000_000_000,
            members=_by_diagnosis,
            remote=Remote(f"{_ISIC}/{FOLDER}.zip", 11_000_000_000, exact=False),
        ),
    ),
    layouts=(Layout(FOLDER, read_by("isic:Isic"), splits=("val",), contents=(*_SORTED, _ISIC_MASKS)),),
)

_LUNG = (Content("CXR_png/*.png", 704), Content("masks/*.png", 704))

LUNG = Benchmark(
    name="lung",
    page="https://www.kaggle.com/datasets/nikhilpandey360/chest-xray-masks-and-labels",
    terms="as on its page; sets of the National Library of Medicine, to be cited",
    steps=(
        Archive(
            file="chest-xray-masks-and-labels.zip",
            contents=_LUNG,
            unpacked=6_000_000_000,
            members=renamed(r"(?:.*/)?Lung Segmentation/(CXR_png|masks)/([^/.][^/]*\.png)", r"\1/\2"),
            page="https://www.kaggle.com/datasets/nikhilpandey360/chest-xray-masks-and-labels (needs an account)",
        ),
    ),
    layouts=(Layout("masks", read_by("lung:Lung"), splits=("val",), contents=_LUNG),),
)
