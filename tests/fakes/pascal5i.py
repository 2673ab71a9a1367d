"""PASCAL-5i in its real layout: VOC's folders, and the lists in circulation, three images a class and split."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from fakes.pictures import FakeFiles, rectangle, size_of, write_image, write_labels


def write_pascal5i(root: Path, images: int = 60) -> FakeFiles:
    """Image n of a split shows class n mod 20, class (n + 8) mod 20 and an outline of 255 around both."""
    fake = FakeFiles(root)
    for split, folder, year in (("train", "trn", 2007), ("val", "val", 2008)):
        lists: dict[int, list[str]] = {fold: [] for fold in range(4)}
        for number in range(images):
            rng = np.random.default_rng([number, year])
            stem = f"{year}_{number:06d}"
            labels = _labels(number, rng)
            write_image(root / "JPEGImages" / f"{stem}.jpg", labels.shape, rng, grey=number == 5)
            write_labels(root / "SegmentationClassAug" / f"{stem}.png", labels, palette=split == "val")
            for class_id in sorted({number % 20, (number + 8) % 20}):
                if (labels == class_id + 1).any():
                    mask = np.where(labels == 255, 255, labels == class_id + 1).astype(np.uint8)
                    fake.truth[f"{split}/{stem}", class_id] = mask
                    lists[class_id // 5].append(f"{stem}__{class_id + 1:02d}")
        for fold, lines in lists.items():
            path = root / "splits" / "pascal" / folder / f"fold{fold}.txt"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("\n".join(lines) + "\n" * (fold % 2))  # some copies lack the last line's end
    return fake


def _labels(number: int, rng: np.random.Generator) -> np.ndarray:
    size = size_of(number)
    labels = np.zeros(size, np.uint8)
    for class_id in (number % 20, (number + 8) % 20):
        mask = rectangle(size, rng) == 1
        grown = np.pad(mask, 1)
        outline = (grown[2:, 1:-1] | grown[:-2, 1:-1] | grown[1:-1, 2:] | grown[1:-1, :-2]) & ~mask
        labels[outline] = 255
        labels[mask] = class_id + 1
    return labels
