"""Building and loading the index of an annotation file of COCO's or LVIS's true size, made up for the purpose.

    python benchmarks/index.py [--kind coco|lvis|paco] [--folder FOLDER] [--share 1.0] [--loads 3]

The file is written once to FOLDER (random outlines; as many images, annotations, classes and bytes as the train split
of the real one), the index is built in an empty cache and then loaded, each in a process of its own. Printed are wall
and CPU seconds from the first question to a source to its answer, imports left out, and the peak resident memory of the
whole process, imports included; what the imports alone take is on the first line. Nothing else should run beside it.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

SIZE = (480, 640)
BATCH = 2000


class Kind(NamedTuple):
    """How large the real train split is.

    Attributes:
        file: below the source's root.
        images: how many.
        annotations: how many; for PACO objects and parts.
        classes: how many.
        points: mean number of an outline's points, so that the file has as many bytes as the real one.
    """

    file: str
    images: int
    annotations: int
    classes: int
    points: float


KINDS = {
    "coco": Kind("annotations/instances_train2017.json", 118_287, 860_001, 80, 25),
    "lvis": Kind("lvis_v1_train.json", 100_170, 1_270_141, 1203, 48),
    "paco": Kind("paco/paco_lvis_v1_train.json", 45_790, 641_000, 531, 25),
}


def written(folder: Path, kind: Kind, share: float) -> Path:
    """The annotation file, made if it is not there."""
    path = folder / f"{share:g}" / kind.file
    if not path.is_file():
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_suffix(".partial")
        with partial.open("w", encoding="utf-8") as file:
            file.writelines(_text(kind, round(kind.images * share), round(kind.annotations * share)))
        partial.replace(path)
    return path


def _text(kind: Kind, images: int, annotations: int) -> Iterator[str]:
    rng = np.random.default_rng(0)
    yield '{"info":{},"licenses":[],"images":['
    for number in range(images):
        name = f"{number:012d}.jpg"
        address = f"http://images.cocodataset.org/train2017/{name}"
        image = {"id": number, "file_name": name, "height": SIZE[0], "width": SIZE[1], "coco_url": address}
        yield ("," if number else "") + json.dumps({**image, "license": 1, "date_captured": "2013-11-14 11:18:45"})
    yield '],"annotations":['
    shares = 1 / np.arange(1, kind.classes + 1) ** 0.8
    for first in range(0, annotations, BATCH):
        number = min(BATCH, annotations - first)
        categories = rng.choice(kind.classes, number, p=shares / shares.sum()) + 1
        places = rng.integers(images, size=number)
        for place, (image, category) in enumerate(zip(places.tolist(), categories.tolist(), strict=True)):
            entry = _annotation(kind, first + place, image, category, rng)
            yield ("," if first + place else "") + json.dumps(entry, separators=(",", ":"))
    categories = [{"id": number, "name": f"class {number}"} for number in range(1, kind.classes + 1)]
    yield f'],"categories":{json.dumps(categories)}}}'


def _annotation(kind: Kind, number: int, image: int, category: int, rng: np.random.Generator) -> dict[str, Any]:
    """One object, an outline of one part (nine in ten) or two; for PACO two in three are parts of the one before."""
    height, width = SIZE
    radius = float(np.clip(rng.lognormal(3.3, 0.9), 4, 220))
    x, y = rng.uniform(radius, width - radius), rng.uniform(radius, height - radius)
    parts = [_outline(kind, x, y, radius, rng) for _ in range(1 + (rng.random() < 0.1))]
    flat = np.concatenate(parts).reshape(-1, 2)
    corner, extent = flat.min(0), np.ptp(flat, axis=0)
    owner, with_parts = number - number % 3, kind.file.startswith("paco")
    return {
        "segmentation": [part.tolist() for part in parts],
        "area": round(float(extent.prod()) * 0.7, 4),
        "iscrowd": 0,
        "image_id": owner % kind.images if with_parts else image,
        "bbox": [round(float(value), 2) for value in (*corner, *extent)],
        "category_id": category,
        "id": number,
        **({"obj_ann_id": owner} if with_parts else {}),
    }


def _outline(kind: Kind, x: float, y: float, radius: float, rng: np.random.Generator) -> np.ndarray:
    points = max(4, int(rng.lognormal(np.log(kind.points) - 0.25, 0.7)))
    angles = np.sort(rng.uniform(0, 2 * np.pi, points))
    radii = radius * rng.uniform(0.6, 1, points)
    return np.stack([x + radii * np.cos(angles), y + radii * np.sin(angles)], 1).round(2).ravel()


def source_of(kind: str, root: Path) -> Any:
    """The source that reads the file."""
    from sansa_lightning.data.sources.coco import Coco
    from sansa_lightning.data.sources.lvis import Lvis
    from sansa_lightning.data.sources.paco_part import PacoPart

    return {"coco": Coco, "lvis": Lvis, "paco": PacoPart}[kind](root, check_files=False)


def measure(kind: str, root: Path) -> dict[str, float]:
    """Seconds and memory of this process, until it knows every class's images and has one mask."""
    source = source_of(kind, root)
    imported = _peak()
    wall, cpu = time.perf_counter(), time.process_time()
    classes = source.classes("train")
    listed = {class_id: source.images(class_id, "train") for class_id in classes}
    seconds = {"wall": time.perf_counter() - wall, "cpu": time.process_time() - cpu}
    return {**seconds, "peak": _peak(), "imported": imported, "keys": sum(map(len, listed.values()))}


def _peak() -> float:
    """GiB."""
    unit = 1 if sys.platform == "darwin" else 1024  # bytes there, KiB elsewhere
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 2**30


def in_own_process(arguments: argparse.Namespace, root: Path, cache: Path) -> dict[str, float]:
    """:func:`measure` in a new process."""
    command = [sys.executable, __file__, "--kind", arguments.kind, "--root", str(root)]
    environment = {**os.environ, "SANSA_CACHE": str(cache)}
    run = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)  # noqa: S603 - this file
    if run.returncode:
        sys.exit(f"{arguments.kind} ended with status {run.returncode} (-9: out of memory):\n{run.stderr[-2000:]}")
    found: dict[str, float] = json.loads(run.stdout.splitlines()[-1])
    return found


def main() -> None:
    """Write the file, build the index, load it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kind", choices=KINDS, default="coco")
    parser.add_argument("--folder", type=Path, default=Path("index_benchmark"))
    parser.add_argument("--share", type=float, default=1.0, help="of the real size")
    parser.add_argument("--loads", type=int, default=3)
    parser.add_argument("--root", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.root:
        print(json.dumps(measure(arguments.kind, arguments.root)))
        return
    kind = KINDS[arguments.kind]
    path = written(arguments.folder, kind, arguments.share)
    root = arguments.folder / f"{arguments.share:g}"
    print(f"{path}: {path.stat().st_size / 1e6:.0f} MB, {kind.annotations * arguments.share:.0f} annotations")
    cache = arguments.folder / f"cache_{arguments.kind}_{os.getpid()}"
    for run in ("build", *["load"] * arguments.loads):
        found = in_own_process(arguments, root, cache)
        print(
            f"{run:5s} {found['wall']:6.2f} s ({found['cpu']:6.2f} s CPU), peak {found['peak']:.2f} GiB, "
            f"of which imports {found['imported']:.2f} GiB; {found['keys']:.0f} keys",
            flush=True,
        )
    size = sum(file.stat().st_size for file in cache.rglob("*") if file.is_file()) / 1e6
    print(f"the index has {size:.0f} MB")


if __name__ == "__main__":
    main()
