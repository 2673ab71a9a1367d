"""Clips a second from real photographs, where the time goes, and other ways to decode and resize.

    python benchmarks/data.py [--root ../shared/data/coco_mini] [--clips 40] [--sizes 640 1024]

A clip is 1 reference and 3 targets of COCO-20i, fold 0, with mask prompts, loaded in this process by one thread and
collated in batches of 4, of which the bytes that go to the device are told too. Times are CPU milliseconds a clip,
medians over the clips, so that other programs count as little as they can, with the wall time beside the sum; files
come from a warm disk. Alternatives are told in milliseconds a photograph, paired: each photograph goes through all of
them in turn. "off" is the largest difference of a pixel from what the project uses.
"""

from __future__ import annotations

import argparse
import io
import random
import statistics
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from sansa_lightning import Clip, ClipBatch
from sansa_lightning.clips.moving import each_tensor
from sansa_lightning.data.datamodule import EpisodeDataModule
from sansa_lightning.data.episodes import dataset
from sansa_lightning.data.formats.annotations.regions import Regions
from sansa_lightning.data.protocols.base import Strict
from sansa_lightning.data.sources import region_source
from sansa_lightning.data.sources.coco import Coco
from sansa_lightning.images import pictures as images

BATCH = 4
STAGES = {
    "read + decode": (region_source, "read_image"),
    "mask of runs": (Regions, "mask"),
    "resize": (images, "resize_picture"),
    "resize mask": (dataset, "resize_mask"),
}
"""What is timed: functions that do not call each other."""

Milliseconds = dict[str, float]
Way = Callable[[Any], Any]


@contextmanager
def timed(spent: Milliseconds) -> Iterator[None]:
    """Each stage adds its CPU time to ``spent`` while the block runs."""
    before = {stage: getattr(owner, name) for stage, (owner, name) in STAGES.items()}
    for stage, (owner, name) in STAGES.items():
        setattr(owner, name, _timing(before[stage], stage, spent))
    try:
        yield
    finally:
        for stage, (owner, name) in STAGES.items():
            setattr(owner, name, before[stage])


def _timing(function: Way, stage: str, spent: Milliseconds) -> Way:
    def run(*args: Any) -> Any:
        start = time.process_time()
        result = function(*args)
        spent[stage] += 1000 * (time.process_time() - start)
        return result

    return run


class TimedPrompter:
    """Adds the time of a prompter to a clip's."""

    def __init__(self, prompter: Way, spent: Milliseconds) -> None:
        self.run = _timing(prompter, "prompt", spent)

    def __call__(self, *args: Any) -> Any:
        """The prompt."""
        return self.run(*args)


def clips_of(root: Path, size: int, clips: int) -> dataset.ClipDataset:
    """The first training clips of fold 0."""
    data = EpisodeDataModule(Coco(root), Strict(fold=0), size=size, train_length=clips, num_workers=0)
    data.setup("fit")
    return data.clips("train")


def measure(root: Path, size: int, clips: int) -> None:
    """Print what a clip costs and where the time goes."""
    made = clips_of(root, size, clips)
    plain = made.prompter
    made[0]
    walls: list[float] = []
    costs: list[Milliseconds] = []
    pending: list[Clip] = []
    carried = 0
    for index in range(clips):
        spent: Milliseconds = defaultdict(float)
        made.prompter = TimedPrompter(plain, spent)  # type: ignore[assignment]  # it only has to be called
        wall, cpu = time.perf_counter(), time.process_time()
        with timed(spent):
            pending.append(made[index])
        spent["rest"] = 1000 * (time.process_time() - cpu) - sum(spent.values())
        walls.append(1000 * (time.perf_counter() - wall))
        costs.append(spent)
        if len(pending) == BATCH:
            start = time.process_time()
            batch = ClipBatch.collate(pending)
            costs[-1]["collate"] = 1000 * (time.process_time() - start) / BATCH
            carried = bytes_of(batch)
            pending.clear()
    stages = [*STAGES, "prompt", "rest", "collate"]
    medians = {stage: statistics.median(cost[stage] for cost in costs if stage in cost) for stage in stages}
    total = statistics.median(sum(cost.values()) - cost.get("collate", 0) for cost in costs) + medians["collate"]
    print(f"{size} px: {total:.1f} ms a clip (wall {statistics.median(walls):.1f}), {1000 / total:.1f} clips/s a core")
    print(f"  a batch of {BATCH} is {carried / 2**20:.1f} MiB")
    for stage, cost in medians.items():
        print(f"  {stage:14s} {cost:6.1f} ms")


def bytes_of(batch: ClipBatch) -> int:
    """What a batch sends to a device."""
    sizes: list[int] = []

    def count(tensor: torch.Tensor) -> torch.Tensor:
        sizes.append(tensor.nbytes)
        return tensor

    each_tensor(batch, count)
    return sum(sizes)


def decoders() -> dict[str, Way]:
    """Bytes of a JPEG to uint8 RGB [H, W, 3], as the project does it first."""
    from torchvision.io import ImageReadMode, decode_jpeg

    def by_torchvision(content: bytes) -> Any:
        encoded = torch.frombuffer(bytearray(content), dtype=torch.uint8)
        return decode_jpeg(encoded, mode=ImageReadMode.RGB).permute(1, 2, 0).numpy()

    def by_pillow(content: bytes) -> Any:
        with Image.open(io.BytesIO(content)) as picture:
            return np.array(picture if picture.mode == "RGB" else picture.convert("RGB"))

    found = {"Pillow": by_pillow, "torchvision.io": by_torchvision}
    try:
        import cv2
    except ImportError:
        print("cv2 is not installed and left out")
        return found
    cv2.setNumThreads(1)
    flags = cv2.IMREAD_COLOR_RGB | cv2.IMREAD_IGNORE_ORIENTATION

    def by_cv2(content: bytes) -> Any:
        decoded = cv2.imdecode(np.frombuffer(content, np.uint8), flags)
        if decoded is None:
            raise ValueError("it cannot be decoded")
        return decoded

    return {**found, "cv2": by_cv2}


def damaged(contents: list[bytes]) -> Iterator[bytes]:
    """Each file cut short, with a hole, and with one, three and twenty other bytes; the same at each call."""
    rng = random.Random(0)  # noqa: S311  nothing secret
    for content in contents:
        start, end = (rng.randrange(len(content)) for _ in range(2))
        yield content[:end]
        yield content[:start] + content[start + rng.randrange(1, 200) :]
        for count in (1, 3, 20):
            changed = bytearray(content)
            for _ in range(count):
                changed[rng.randrange(len(changed))] = rng.randrange(256)
            yield bytes(changed)


def compare_damaged(ways: dict[str, Way], contents: list[bytes]) -> None:
    """Print of how many damaged files each way gives other pixels than the first, or pixels where that refuses."""
    counts = dict.fromkeys(ways, 0)
    files = list(damaged(contents))
    for content in files:
        first, *others = (_attempt(way, content) for way in ways.values())
        for name, found in zip(list(ways)[1:], others, strict=True):
            counts[name] += found is not None and (first is None or not np.array_equal(found, first))
    texts = [f"{name} {count}" for name, count in list(counts.items())[1:]]
    print(
        f"damaged          other pixels than {next(iter(ways))}, or refused by it: {', '.join(texts)} of {len(files)}"
    )


def _attempt(way: Way, content: bytes) -> Any:
    try:
        return way(content)
    except Exception:  # whatever a decoder raises, it refuses
        return None


def resizers(size: int) -> dict[str, Way]:
    """uint8 [H, W, 3] to uint8 [size, size, 3], as the project does it first."""
    from torchvision.transforms.v2 import functional

    def by_torchvision(image: Any) -> Any:
        planes = torch.from_numpy(image).permute(2, 0, 1)
        return functional.resize(planes, [size, size], antialias=True).permute(1, 2, 0).numpy()

    def by_pillow(image: Any) -> Any:
        return np.asarray(images.resize_picture(image, size))

    found = {"Pillow": by_pillow, "torchvision": by_torchvision}
    try:
        import cv2
    except ImportError:
        return found
    return {**found, "cv2": lambda image: cv2.resize(image, (size, size), interpolation=cv2.INTER_LINEAR)}


def compare(what: str, ways: dict[str, Way], inputs: list[Any]) -> None:
    """Print each way's median CPU time, and its largest difference from the first."""
    spent: dict[str, list[float]] = defaultdict(list)
    off: Milliseconds = defaultdict(float)
    for given in inputs:
        results = {}
        for name, way in ways.items():
            start = time.process_time()
            results[name] = way(given)
            spent[name].append(1000 * (time.process_time() - start))
        first = next(iter(results.values())).astype(int)
        for name, result in results.items():
            off[name] = max(off[name], float(abs(first - result).max()))
    texts = [f"{name} {statistics.median(spent[name]):.2f} ms (off {off[name]:.0f})" for name in ways]
    print(f"{what:16s} {', '.join(texts)}")


def main() -> None:
    """Measure clips, then the alternatives."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--root", type=Path, default=Path("../shared/data/coco_mini"))
    parser.add_argument("--clips", type=int, default=40)
    parser.add_argument("--sizes", type=int, nargs="+", default=[640, 1024])
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    for size in arguments.sizes:
        measure(arguments.root, size, arguments.clips)
    files = sorted(arguments.root.glob("train*/*.jpg"))[: arguments.clips]
    contents = [file.read_bytes() for file in files]
    compare("decode", decoders(), contents)
    compare_damaged(decoders(), contents)
    pictures = [images.read_image(file) for file in files]
    for size in arguments.sizes:
        compare(f"resize to {size}", resizers(size), pictures)


if __name__ == "__main__":
    main()
