"""The benchmarks on COCO's photographs: the sources of their data, and their layouts on disk."""

from __future__ import annotations

from sansa_lightning.prepare.benchmark import Archive, Benchmark, Content, Layout, Remote, read_by, renamed

# Sizes and checksums of COCO and LVIS: TensorFlow Datasets, coco.txt and lvis/checksums.tsv. PACO's checksum: its own
# DATASETS page; its size is not documented to the byte. COCO's servers have no certificate for their name.
_COCO = "http://images.cocodataset.org"
_LVIS = "https://dl.fbaipublicfiles.com/LVIS"


def _images(year: str, split: str, count: int, size: int, sha256: str, folder: str = "") -> Archive:
    name = f"{split}{year}"
    return Archive(
        file=f"{name}.zip",
        contents=(Content(f"{folder}{name}/*.jpg", count),),
        unpacked=size,
        members=renamed(rf"({name}/[^/]+\.jpg)", rf"{folder}\1"),
        remote=Remote(f"{_COCO}/zips/{name}.zip", size, checksum=f"sha256:{sha256}"),
    )


def _images_2017(folder: str) -> tuple[Archive, Archive]:
    train = "69a8bb58ea5f8f99d24875f21416de2e9ded3178e903f1f7603e283b9e06d929"
    val = "4f7e2ccb2866ec5041993c9cf2a952bbed69647b115d0f74da7ce8f4bef82f05"
    return (
        _images("2017", "train", 118_287, 19_336_861_798, train, folder),
        _images("2017", "val", 5_000, 815_585_330, val, folder),
    )


def _lvis(split: str, size: int, unpacked: int, sha256: str) -> Archive:
    file = f"lvis_v1_{split}.json"
    return Archive(
        file=f"{file}.zip",
        contents=(Content(file, 1),),
        unpacked=unpacked,
        members=renamed(rf"(?:.*/)?({file})", r"\1"),
        remote=Remote(f"{_LVIS}/{file}.zip", size, checksum=f"sha256:{sha256}"),
    )


COCO20I = Benchmark(
    name="coco20i",
    page="https://cocodataset.org/#download",
    terms="annotations CC BY 4.0; photographs under Flickr's terms: https://cocodataset.org/#termsofuse",
    steps=(
        Archive(
            file="annotations_trainval2014.zip",
            contents=(Content("annotations/instances_*2014.json", 2),),
            unpacked=520_000_000,
            members=renamed(r"(annotations/instances_(?:train|val)2014\.json)", r"\1"),
            remote=Remote(
                f"{_COCO}/annotations/annotations_trainval2014.zip",
                252_872_794,
                checksum="sha256:031296bbc80c45a1d1f76bf9a90ead27e94e99ec629208449507a4917a3bf009",
            ),
        ),
        _images(
            "2014", "val", 40_504, 6_645_013_297, "fe9be816052049c34717e077d9e34aa60814a55679f804cd043e3cbee3b9fde0"
        ),
        _images(
            "2014", "train", 82_783, 13_510_573_713, "ede4087e640bddba550e090eae701092534b554b42b05ac33f0300b984b31775"
        ),
    ),
    layouts=(
        Layout(
            "annotations/instances_val2014.json",
            read_by("coco:Coco", train="train2014", val="val2014"),
        ),
        Layout("splits/val/fold0.pkl", read_by("coco20i_released:Coco20iReleased")),
        Layout("fss_list/val/data_list_0.txt", read_by("coco_lists:CocoLists")),
    ),
)

LVIS92I = Benchmark(
    name="lvis92i",
    page="https://www.lvisdataset.org/dataset",
    terms="annotations CC BY 4.0; photographs as COCO's",
    steps=(
        _lvis("val", 64_026_968, 200_000_000, "5cae9a3c79aadb667550c2b5dcf7f4d86e059a41ec91ef690225b667e28e9ba5"),
        _lvis("train", 350_264_821, 1_200_000_000, "334a4caa374030a7817cf050364525e910f7960f9b6968cef47cffbf3893f8ba"),
        *_images_2017("coco/"),
    ),
    layouts=(
        Layout("lvis_v1_val.json", read_by("lvis:Lvis")),
        Layout("lvis_val.pkl", read_by("lvis:LvisReleased")),
    ),
)

PACO_PART = Benchmark(
    name="paco_part",
    page="https://github.com/facebookresearch/paco",
    terms="as on its page; photographs as COCO's",
    steps=(
        Archive(
            file="paco_lvis_v1.zip",
            contents=(Content("paco/paco_lvis_v1_train.json", 1), Content("paco/paco_lvis_v1_val.json", 1)),
            unpacked=3_000_000_000,
            members=renamed(r"(?:.*/)?(paco_lvis_v1_(?:train|val)\.json)", r"paco/\1"),
            remote=Remote(
                "https://dl.fbaipublicfiles.com/paco/annotations/paco_lvis_v1.zip",
                400_000_000,
                exact=False,
                checksum="sha256:02ac4edb22c251e07853e6231d69aec3fad0a180f03de2f8c880650322debc80",
            ),
        ),
        *_images_2017("coco/"),
    ),
    layouts=(
        Layout("paco/paco_lvis_v1_val.json", read_by("paco_part:PacoPart")),
        Layout("paco/paco_part_val.pkl", read_by("paco_part:PacoPartReleased")),
    ),
)
