"""ADE20K's scene parsing benchmark in its real layout."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from fakes.pictures import FakeFiles, rectangle, size_of, write_image, write_labels

SHOWN = [(0, 3), (0, 149), (3,), (149, 0), (), (7, 3)]
"""Classes of the images of each split, whatever covers what; the fifth image shows none."""


def write_ade20k(root: Path) -> FakeFiles:
    fake = FakeFiles(root)
    rows = [f"{c + 1}\t0.01\t9\t9\tname {c}, other name {c}" for c in range(150)]
    root.mkdir(parents=True)
    (root / "objectInfo150.txt").write_text("\n".join(["Idx\tRatio\tTrain\tVal\tName", *rows]) + "\n")
    for split, folder, mark in (("train", "training", "train"), ("val", "validation", "val")):
        for number, shown in enumerate(SHOWN, 1):
            rng = np.random.default_rng([number, len(split)])
            stem = f"ADE_{mark}_{number:08d}"
            labels = np.zeros(size_of(number), np.uint8)
            for value in (255, *(class_id + 1 for class_id in shown)):
                labels[rectangle(labels.shape, rng) == 1] = value
            write_image(root / "images" / folder / f"{stem}.jpg", labels.shape, rng, grey=number == 2)
            write_labels(root / "annotations" / folder / f"{stem}.png", labels)
            for class_id in sorted(shown):
                if (labels == class_id + 1).any():
                    fake.truth[f"{split}/{stem}", class_id] = (labels == class_id + 1).astype(np.uint8)
    return fake
