"""Print the SHA-256 of rendered images and masks; run as a process of its own by ``test_equal_everywhere.py``."""

from __future__ import annotations

import argparse
import hashlib
from concurrent.futures import ThreadPoolExecutor

from sansa_lightning.data.sources.patterns import Patterns


def image_digest(source: Patterns, number: int) -> bytes:
    """SHA-256 of image and mask number ``number``, classes and splits in turn."""
    split = "train" if number % 2 else "val"
    class_id = number // 2 % 32
    image, mask = source.load(source.images(class_id, split)[number // 64], class_id)
    return hashlib.sha256(image.tobytes() + mask.tobytes()).digest()


def digest(images: int, threads: int = 1, *, backwards: bool = False) -> str:
    """One SHA-256 over all images in order, whatever the order they are drawn in."""
    source = Patterns()
    order = list(range(images))[:: -1 if backwards else 1]
    with ThreadPoolExecutor(threads) as pool:
        digests = dict(zip(order, pool.map(lambda number: image_digest(source, number), order), strict=True))
    return hashlib.sha256(b"".join(digests[number] for number in range(images))).hexdigest()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("images", type=int)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--backwards", action="store_true")
    args = parser.parse_args()
    print(digest(args.images, args.threads, backwards=args.backwards))
