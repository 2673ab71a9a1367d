"""Images per second of the pattern benchmark and frames per second of the tracking clips, in one process.

    OMP_NUM_THREADS=1 python benchmarks/patterns.py [--images 500] [--rounds 5]

Rates are per second of this process's CPU time, so that other work on the machine does not count; the median
over rounds is printed with the least and greatest. The first image, which draws tiles, is timed apart.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

import numpy as np

from sansa_lightning.data.patterns.families import FAMILIES
from sansa_lightning.data.patterns.tiles import VARIANTS, class_tile, pretraining_tile
from sansa_lightning.data.patterns.tracking import TrackingClips
from sansa_lightning.data.sources.patterns import Patterns


def rates(work: Callable[[int], object], count: int, rounds: int) -> str:
    """Median, least and greatest number of calls per second of CPU time."""
    found = []
    for turn in range(rounds):
        start = time.process_time()
        for index in range(turn * count, (turn + 1) * count):
            work(index)
        found.append(count / (time.process_time() - start))
    return f"{np.median(found):.0f} ({min(found):.0f} to {max(found):.0f})"


def main() -> None:
    """Print the report."""
    parser = argparse.ArgumentParser(description="Speed of the pattern world.")
    parser.add_argument("--images", type=int, default=500, help="images, and frames of clips, in a round")
    parser.add_argument("--rounds", type=int, default=5)
    args = parser.parse_args()
    source = Patterns(train_images=args.images * args.rounds)
    clips = TrackingClips(length=args.images * args.rounds, frames=4)

    start = time.process_time()
    for class_id in range(len(FAMILIES)):
        for variants in VARIANTS.values():
            for variant in variants:
                class_tile(source.seed, class_id, variant)
    classes = time.process_time() - start
    start = time.process_time()
    pretraining = [pretraining_tile(clips.seed, number) for number in clips.numbers]
    print(
        f"all class tiles: {classes:.2f} s; {len(pretraining)} pretraining tiles: {time.process_time() - start:.2f} s"
    )

    def image(index: int) -> object:
        class_id = index % len(FAMILIES)
        return source.load(source.images(class_id, "train")[index // len(FAMILIES)], class_id)

    image(0)
    print(f"images/s, {source.size} px: {rates(image, args.images, args.rounds)}")
    print(
        f"clips/s, {clips.frames} frames of {clips.size} px: {rates(clips.__getitem__, args.images // 4, args.rounds)}"
    )


if __name__ == "__main__":
    main()
