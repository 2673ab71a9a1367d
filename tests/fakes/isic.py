"""ISIC 2018 in the layout in circulation: the official folders, the images sorted into three of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from fakes.pictures import FakeFiles, rectangle, size_of, write_grey_mask, write_image


def write_isic(root: Path) -> FakeFiles:
    """Four images a class."""
    fake = FakeFiles(root)
    images, masks = root / "ISIC2018_Task1-2_Training_Input", root / "ISIC2018_Task1_Training_GroundTruth"
    for number in range(12):
        class_id, stem = number // 4, f"ISIC_{number * 5 % 12:07d}"
        rng = np.random.default_rng(number)
        mask = rectangle(size_of(number), rng)
        write_image(images / str(class_id + 1) / f"{stem}.jpg", mask.shape, rng)
        write_grey_mask(masks / f"{stem}_segmentation.png", mask, rng)
        fake.truth[f"val/{class_id + 1}/{stem}", class_id] = mask
    (images / "LICENSE.txt").write_text("as in the official archive\n")
    fake.truth = dict(sorted(fake.truth.items(), key=lambda entry: entry[0]))
    return fake
