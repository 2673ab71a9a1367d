"""COCO-20i as it is in circulation: class maps in PNG and pickles of image lists."""

from __future__ import annotations

import pickle
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from fakes.shapes import boxes_in, picture

FOLDERS = {"train": "trn", "val": "val"}
UNLISTED = 20
"""Class that image 2 of each split shows without being listed for it, as if too small."""


@dataclass
class FakeCoco20i:
    """What was written.

    Attributes:
        root: the dataset's folder.
        truth: (key, class id) -> the mask, of the classes that the image is listed for.
        labels: key -> the class map.
        listed: (class id, split) -> keys.
    """

    root: Path
    truth: dict[tuple[str, int], np.ndarray] = field(default_factory=dict)
    labels: dict[str, np.ndarray] = field(default_factory=dict)
    listed: dict[tuple[int, str], list[str]] = field(default_factory=lambda: defaultdict(list))

    def lists(self, split: str, fold: int) -> Path:
        return self.root / "splits" / FOLDERS[split] / f"fold{fold}.pkl"

    def edit(self, split: str, fold: int, change: Any) -> None:
        content = pickle.loads(self.lists(split, fold).read_bytes())  # noqa: S301 - written below
        change(content)
        self.lists(split, fold).write_bytes(pickle.dumps(content))


def write_coco20i(root: Path, images: int = 24, classes: int = 80, shown: int = 10) -> FakeCoco20i:
    """Write both splits: image i shows ``shown`` classes from ``shown`` times i on, modulo ``classes``."""
    fake = FakeCoco20i(root)
    for split in FOLDERS:
        rng = np.random.default_rng(len(split))
        lists: dict[int, list[str]] = {class_id: [] for class_id in range(classes)}
        for index in range(images):
            file = f"{split}2014/COCO_{split}2014_{index:012d}.jpg"
            height, width = 30 + index * 7 % 23, 33 + index * 11 % 19
            picture(root / file, height, width, rng)
            labels = np.zeros((height, width), np.uint8)
            there = [(shown * index + offset) % classes for offset in range(shown)]
            for class_id, (x0, y0, x1, y1) in zip(there, boxes_in(rng, (0, 0, width, height), shown), strict=True):
                labels[y0:y1, x0:x1] = class_id + 1
            for class_id in there:
                labels[class_id % height, class_id % width] = class_id + 1  # not covered by what came later
            fake.labels[f"{split}/{file}"] = labels
            for class_id in there:
                if (index, class_id) != (2, UNLISTED):
                    lists[class_id].append(file)
                    fake.listed[class_id, split].append(f"{split}/{file}")
                    fake.truth[f"{split}/{file}", class_id] = (labels == class_id + 1).astype(np.uint8)
            path = (root / "annotations" / file).with_suffix(".png")
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(labels).save(path)
        for fold in range(4):
            path = fake.lists(split, fold)
            path.parent.mkdir(parents=True, exist_ok=True)
            content = {c: files for c, files in lists.items() if (c % 4 == fold) == (split == "val")}
            path.write_bytes(pickle.dumps(content, 3))
    return fake
