"""Each benchmark as its publishers give it: the fake datasets, packed into archives as the real ones are."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from PIL import Image
from scipy.io import savemat

from fakes.ade20k import write_ade20k
from fakes.archives import files_in, pack, tarred, zipped
from fakes.coco import write_coco
from fakes.deepglobe import write_deepglobe
from fakes.fss1000 import write_fss1000
from fakes.isic import write_isic
from fakes.lung import write_lung
from fakes.lvis import write_lvis
from fakes.paco_part import write_paco
from fakes.pascal5i import write_pascal5i
from fakes.pascal_part import write_pascal_part
from fakes.server import FakeServer
from sansa_lightning.prepare.benchmark import ARCHIVES, Archive, Benchmark, Content, File, Made, Remote, Step
from sansa_lightning.prepare.benchmarks import BENCHMARKS


@dataclass
class Published:
    """A benchmark in small.

    Attributes:
        benchmark: with addresses on the server, and the sizes, checksums and counts of the small files.
        truth: a folder as it should become.
        by_hand: archive name -> content, of those that a person has to fetch.
    """

    benchmark: Benchmark
    truth: Path
    by_hand: dict[str, bytes]

    def put_by_hand(self, root: Path) -> None:
        (root / ARCHIVES).mkdir(parents=True, exist_ok=True)
        for name, content in self.by_hand.items():
            (root / ARCHIVES / name).write_bytes(content)


def publish(name: str, server: FakeServer, truth: Path) -> Published:
    """Write a fake dataset to ``truth``, and put it on the server as published."""
    files = _PUBLISHERS[name](truth)
    benchmark = BENCHMARKS[name]
    by_hand = {
        step.file: files.pop(step.file) for step in benchmark.steps if isinstance(step, Archive) and step.remote is None
    }
    steps = tuple(_moved(step, server, files, truth) for step in benchmark.steps)
    layouts = tuple(replace(layout, contents=_counted(layout.contents, truth)) for layout in benchmark.layouts)
    assert not files, f"not asked for: {list(files)}"
    return Published(replace(benchmark, steps=steps, layouts=layouts), truth, by_hand)


def _moved(step: Step, server: FakeServer, files: dict[str, bytes], truth: Path) -> Step:
    if isinstance(step, Made):
        return replace(step, contents=_counted(step.contents, truth), size=10_000)
    if isinstance(step, File):
        return replace(step, remote=_local(step.remote, server, files.pop(step.path)))
    superseded = _counted(step.superseded_by, truth)
    contents = _counted(step.contents, truth)
    if step.remote is None:
        return replace(step, contents=contents, unpacked=1_000_000)
    remote = _local(step.remote, server, files.pop(step.file))
    return replace(step, contents=contents, unpacked=1_000_000, remote=remote, superseded_by=superseded)


def _local(remote: Remote, server: FakeServer, content: bytes) -> Remote:
    path = "/" + remote.url.split("://")[1]
    server.files[path] = content
    checksum = remote.checksum
    if checksum:
        algorithm = checksum.split(":")[0]
        checksum = f"{algorithm}:{hashlib.new(algorithm, content).hexdigest()}"
    return replace(remote, url=server.url + path, size=len(content), checksum=checksum)


def _counted(contents: tuple[Content, ...], truth: Path) -> tuple[Content, ...]:
    return tuple(replace(content, count=content.found(truth)) for content in contents)


def _coco20i(truth: Path) -> dict[str, bytes]:
    write_coco(truth)
    for path in [*truth.glob("*2017"), *truth.glob("annotations/*2017.json")]:
        path.rename(path.with_name(path.name.replace("2017", "2014")))
    other = {"annotations/captions_val2014.json": b"{}"}
    return {
        "annotations_trainval2014.zip": zipped(pack(truth, below="annotations/") | other),
        "val2014.zip": zipped(pack(truth, below="val2014/")),
        "train2014.zip": zipped(pack(truth, below="train2014/")),
    }


def _coco_images(truth: Path) -> dict[str, bytes]:
    splits = ("train2017", "val2017")
    return {f"{split}.zip": zipped(pack(truth / "coco", below=f"{split}/")) for split in splits}


def _lvis92i(truth: Path) -> dict[str, bytes]:
    fake = write_lvis(truth)
    for split in ("train", "val"):
        fake.pickle(split).unlink()
    jsons = [fake.json(split) for split in ("train", "val")]
    return {f"{path.name}.zip": zipped({path.name: path.read_bytes()}) for path in jsons} | _coco_images(truth)


def _paco_part(truth: Path) -> dict[str, bytes]:
    fake = write_paco(truth)
    for split in ("train", "val"):
        fake.pickle(split).unlink()
    annotations = {"paco_lvis_v1_test.json": b"{}", **files_in(truth / "paco")}
    return {"paco_lvis_v1.zip": zipped(annotations), **_coco_images(truth)}


def _fss1000(truth: Path) -> dict[str, bytes]:
    write_fss1000(truth)
    lists = pack(truth, below="splits/")
    extra = {"__MACOSX/fewshot_data/crab/._1.jpg": b"x"}
    return {**lists, "fewshot_data.zip": zipped(pack(truth / "data", "fewshot_data/fewshot_data/") | extra)}


def _pascal5i(truth: Path) -> dict[str, bytes]:
    """The images of 2008 are VOC's, those of 2007 SBD's, which has its own idea of one of 2008."""
    write_pascal5i(truth)
    voc = "TrainVal/VOCdevkit/VOC2012/"
    images = pack(truth, voc, below="JPEGImages/")
    maps, matlab = {}, {}
    for path in sorted((truth / "SegmentationClassAug").iterdir()):
        labels = np.array(Image.open(path))
        if path.stem.startswith("2008"):
            maps[f"{voc}SegmentationClass/{path.name}"] = path.read_bytes()
        else:
            matlab[f"benchmark_RELEASE/dataset/cls/{path.stem}.mat"] = _matlab(labels)
    matlab["benchmark_RELEASE/dataset/cls/2008_000000.mat"] = _matlab(np.zeros((9, 9), np.uint8))
    matlab["benchmark_RELEASE/dataset/cls/._2008_000000.mat"] = b"x"
    (truth / "SegmentationClass").mkdir()
    for name, content in maps.items():
        (truth / "SegmentationClass" / Path(name).name).write_bytes(content)
    for name, content in matlab.items():
        if "._" not in name:
            path = truth / "sbd" / "cls" / Path(name).name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
    lists = {f"splits/pascal/{path}": data for path, data in files_in(truth / "splits/pascal").items()}
    archives = {"VOCtrainval_11-May-2012.tar": tarred({**images, **maps}, mode="w"), "benchmark.tgz": tarred(matlab)}
    return lists | archives


def _matlab(labels: np.ndarray) -> bytes:
    content = io.BytesIO()
    savemat(content, {"GTcls": {"Boundaries": np.zeros((20, 1)), "Segmentation": labels}})
    return content.getvalue()


def _pascal_part(truth: Path) -> dict[str, bytes]:
    fake = write_pascal_part(truth)
    annotations = {path: data for path, data in files_in(fake.voc).items() if path.endswith(".json")}
    return {
        "VOCtrainval_03-May-2010.tar": tarred(pack(truth, below="VOCdevkit/VOC2010/JPEGImages"), mode="w"),
        "pascal.zip": zipped({f"pascal/{path}": data for path, data in annotations.items()}),
    }


def _ade20k(truth: Path) -> dict[str, bytes]:
    write_ade20k(truth)
    return {"ADEChallengeData2016.zip": zipped(pack(truth, "ADEChallengeData2016/"))}


def _deepglobe(truth: Path) -> dict[str, bytes]:
    write_deepglobe(truth)
    return {"deepglobe.zip": zipped(pack(truth, "Deepglobe/04_train_cat/"))}


def _isic(truth: Path) -> dict[str, bytes]:
    write_isic(truth)
    names = ("nevus", "melanoma", "seborrheic_keratosis")
    images, masks = "ISIC2018_Task1-2_Training_Input", "ISIC2018_Task1_Training_GroundTruth"
    pictures = sorted((truth / images).glob("*/*.jpg"))
    table = "\n".join(["ID,Class", *(f"{path.stem},{names[int(path.parent.name) - 1]}" for path in pictures)])
    (truth / "class_id.csv").write_text(table + "\n")
    flat = {f"{images}/{path.name}": path.read_bytes() for path in pictures}
    return {
        "class_id.csv": (truth / "class_id.csv").read_bytes(),
        f"{images}.zip": zipped({f"{images}/LICENSE.txt": b"as it is", **flat}),
        f"{masks}.zip": zipped(pack(truth, below=masks)),
    }


def _lung(truth: Path) -> dict[str, bytes]:
    write_lung(truth)
    twice = pack(truth, "data/Lung Segmentation/") | pack(truth, "Lung Segmentation/")
    return {"chest-xray-masks-and-labels.zip": zipped({**twice, "Lung Segmentation/test/x.png": b"x"})}


_PUBLISHERS: dict[str, Callable[[Path], dict[str, bytes]]] = {
    **{"coco20i": _coco20i, "lvis92i": _lvis92i, "fss1000": _fss1000, "pascal5i": _pascal5i, "paco_part": _paco_part},
    **{"pascal_part": _pascal_part, "ade20k": _ade20k, "deepglobe": _deepglobe, "isic": _isic, "lung": _lung},
}
