"""PASCAL-5i and COCO-20i as label maps, with the rules of the lists of PFENet and BAM, counted here on their own."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from fakes.pictures import FakeFiles, write_image, write_labels

AREA = 2048


@dataclass
class FakeLists(FakeFiles):
    """What was written.

    Attributes:
        labels: key -> the label map; keys in the order of the images.
        prefix: what paths in circulation start with.
        folders: split -> folder of the images and folder of the label maps.
        contiguous: whether the classes of a fold are in a row.
    """

    labels: dict[str, np.ndarray] = field(default_factory=dict)
    prefix: str = ""
    folders: dict[str, tuple[str, str]] = field(default_factory=dict)
    contiguous: bool = True

    def unseen(self, fold: int) -> set[int]:
        return set(range(5 * fold, 5 * fold + 5)) if self.contiguous else set(range(fold, 80, 4))

    def lists(self, split: str, classes: Collection[int], unseen: Collection[int]) -> dict[int, list[str]]:
        """Keys of each class by the rules, class by class and pixel by pixel."""
        found: dict[int, list[str]] = {class_id: [] for class_id in classes}
        for key, labels in self.labels.items():
            shown = {value - 1 for value in set(labels.ravel().tolist()) - {0, 255}}
            if key.startswith(f"{split}/") and not (split == "train" and shown & set(unseen)):
                for class_id in classes:
                    if np.count_nonzero(labels == class_id + 1) >= AREA:
                        found[class_id].append(key)
        return found

    def write_lists(self, folder: Path, split: str, fold: int, unseen: Collection[int], pairs: bool) -> None:
        """The two files of a fold, in one of the forms in circulation."""
        number = 20 if self.contiguous else 80
        classes = sorted(c for c in range(number) if (c in unseen) == (split == "val"))
        by_class = self.lists(split, classes, unseen)
        listed = [key for key in self.labels if any(key in keys for keys in by_class.values())]
        entries = {key: self.entry(key) if pairs else key.split("/")[1] for key in listed}
        (folder / split).mkdir(parents=True, exist_ok=True)
        lines = [" ".join(each) if pairs else each for each in entries.values()]
        (folder / split / f"data_list_{fold}.txt").write_text("\n".join(lines) + "\n")
        content = {class_id + 1: [entries[key] for key in keys] for class_id, keys in by_class.items()}
        (folder / split / f"sub_class_file_list_{fold}.txt").write_text(str(content))

    def entry(self, key: str) -> tuple[str, str]:
        split, stem = key.split("/")
        images, masks = self.folders[split]
        return f"{self.prefix}/{images}/{stem}.jpg", f"{self.prefix}/{masks}/{stem}.png"


def write_pascal_lists(root: Path, images: int = 60) -> FakeLists:
    """Image n shows class n mod 20 large, (n + 8) mod 20 around the least area, and a few pixels of (n + 3) mod 20."""
    folders = dict.fromkeys(("train", "val"), ("JPEGImages", "SegmentationClassAug"))
    fake = FakeLists(root, prefix="../data/VOCdevkit2012/VOC2012", folders=folders)
    for split, year in (("train", 2007), ("val", 2008)):
        _write(fake, split, [f"{year}_{number:06d}" for number in range(images)], 20, (0, 8, 3), 1)
    stems = {
        split: [key[6 if split == "train" else 4 :] for key in fake.labels if key.startswith(split)]
        for split in folders
    }
    (root / "ImageSets" / "Segmentation").mkdir(parents=True)
    (root / "sbd").mkdir()
    for file, lines in (
        ("ImageSets/Segmentation/val.txt", stems["val"]),
        ("ImageSets/Segmentation/train.txt", stems["train"][: images // 2]),
        ("sbd/train_noval.txt", stems["train"][images // 3 :]),  # the two overlap
    ):
        (root / file).write_text("\n".join(lines) + "\n")
    return fake


def write_coco_lists(root: Path, images: int = 80) -> FakeLists:
    """The same with 80 classes: 2 n, 2 n + 1 and 2 n + 9."""
    folders = {split: (f"{split}2014", f"annotations/{split}2014") for split in ("train", "val")}
    fake = FakeLists(root, prefix="../data/MSCOCO2014", folders=folders, contiguous=False)
    for split in folders:
        _write(fake, split, [f"COCO_{split}2014_{number:012d}" for number in range(images)], 80, (0, 1, 9), 2)
    return fake


def _write(fake: FakeLists, split: str, stems: list[str], classes: int, offsets: tuple[int, ...], step: int) -> None:
    for number, stem in enumerate(stems):
        rng = np.random.default_rng([number, len(split)])
        large, edge, small = ((step * number + offset) % classes for offset in offsets)
        labels = np.zeros((90 + number * 7 % 13, 100 + number * 11 % 17), np.uint8)
        labels[:30] = large + 1
        labels[30] = 255
        labels[32:64, 2:66] = edge + 1  # exactly the least area
        labels[63, 65 - number % 3 : 66] = edge + 1 if number // 2 % 2 else 0  # half of the time too little
        labels[70:78, 5:11] = small + 1
        images, masks = fake.folders[split]
        write_image(fake.root / images / f"{stem}.jpg", labels.shape, rng, grey=number == 5)
        write_labels(fake.root / masks / f"{stem}.png", labels, palette=number % 2 == 0)
        key = f"{split}/{stem}"
        fake.labels[key] = labels
        for class_id in (large, edge):
            if np.count_nonzero(labels == class_id + 1) >= AREA:
                fake.truth[key, class_id] = np.where(labels == 255, 255, labels == class_id + 1).astype(np.uint8)
