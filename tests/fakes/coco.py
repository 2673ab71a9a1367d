"""A dataset in COCO's real layout, of rectangles, with the masks it must give painted by other means."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

# Not in order of id, with gaps: class ids 0..7 are ant, bee, cat, dog, eel, fox, gnu, rare.
CATEGORIES = [(7, "cat"), (2, "ant"), (3, "bee"), (11, "dog"), (20, "fox"), (13, "eel"), (21, "gnu"), (90, "rare")]
NAMES = ("ant", "bee", "cat", "dog", "eel", "fox", "gnu", "rare")
GREY, TURNED, CROWD, CROWD_ALONE, RARE = 3, 2, 5, 6, 0
"""Images that are special: stored in grey, with an EXIF turn, with a crowd over an object, a crowd only, class 7."""


@dataclass
class FakeCoco:
    """What was written.

    Attributes:
        root: the dataset's folder.
        truth: (key, class id) -> the mask, for the pairs that have annotations.
    """

    root: Path
    truth: dict[tuple[str, int], np.ndarray] = field(default_factory=dict)

    def images(self, class_id: int, split: str) -> list[str]:
        """Keys of the images with an object, not only a crowd, of the class."""
        return [key for (key, c), mask in self.truth.items() if c == class_id and key[:3] == split[:3] and 1 in mask]

    def annotations(self, split: str) -> Path:
        return self.root / "annotations" / f"instances_{split}2017.json"

    def edit(self, split: str, change: Any) -> None:
        """Rewrite a split's annotation file after ``change(content)``."""
        content = json.loads(self.annotations(split).read_text())
        change(content)
        self.annotations(split).write_text(json.dumps(content))


def write_coco(root: Path, images: int = 14) -> FakeCoco:
    """Write both splits: image i shows classes i mod 7 and (i + 3) mod 7; class 7 has one image a split."""
    fake = FakeCoco(root)
    (root / "annotations").mkdir(parents=True)
    for offset, split in enumerate(("train", "val")):
        rng = np.random.default_rng(offset)
        content: dict[str, list[Any]] = {"images": [], "annotations": [], "categories": []}
        content["categories"] = [{"id": number, "name": name} for number, name in CATEGORIES]
        for index in range(images):
            _add_image(fake, split, index, content, rng)
        fake.annotations(split).write_text(json.dumps(content))
    return fake


def _add_image(fake: FakeCoco, split: str, index: int, content: dict[str, list[Any]], rng: Any) -> None:
    height, width = 32 + index * 7 % 29, 35 + index * 11 % 28
    name, number = f"{index:012d}.jpg", 1000 + index
    content["images"].append({"id": number, "file_name": name, "height": height, "width": width})
    pixels = rng.integers(0, 256, (height, width) if index == GREY else (height, width, 3), np.uint8)
    exif = Image.Exif()
    if index == TURNED:
        exif[0x0112] = 6
    folder = fake.root / f"{split}2017"
    folder.mkdir(exist_ok=True)
    Image.fromarray(pixels).save(folder / name, quality=95, exif=exif)
    for place, class_id in enumerate([index % 7, (index + 3) % 7] + [7] * (index == RARE)):
        boxes = _boxes(rng, height, width)
        crowd = np.zeros((height, width), bool)
        if class_id == index % 7 and index in (CROWD, CROWD_ALONE):
            crowd[height // 2 :] = True
            _annotate(content, number, class_id, _runs(crowd), crowd=1)
            boxes = [] if index == CROWD_ALONE else [(2, height // 2 - 4, 12, height // 2 + 4)]
        mask = np.where(crowd, 255, 0).astype(np.uint8)
        for kind, box in enumerate(boxes, index + place):
            mask[box[1] : box[3], box[0] : box[2]] = 1
            _annotate(content, number, class_id, _segmentation(kind, box, height, width))
        fake.truth[f"{split}/{name}", class_id] = mask


def _boxes(rng: Any, height: int, width: int) -> list[tuple[int, int, int, int]]:
    boxes = []
    for _ in range(2):
        x, y = rng.integers(0, width - 12), rng.integers(0, height - 12)
        boxes.append((int(x), int(y), int(x + rng.integers(4, 12)), int(y + rng.integers(4, 12))))
    return boxes


def _segmentation(kind: int, box: tuple[int, int, int, int], height: int, width: int) -> Any:
    """The box as a polygon, as plain run lengths or as compressed ones."""
    from pycocotools import mask as coco_mask

    x0, y0, x1, y1 = box
    if kind % 3 == 0:
        return [[x0, y0, x1, y0, x1, y1, x0, y1]]
    filled = np.zeros((height, width), bool)
    filled[y0:y1, x0:x1] = True
    if kind % 3 == 1:
        return _runs(filled)
    packed = coco_mask.encode(np.asfortranarray(filled.astype(np.uint8)))
    return {"size": [height, width], "counts": packed["counts"].decode()}


def _runs(filled: np.ndarray) -> dict[str, Any]:
    """Plain run lengths, by columns, background first."""
    flat = np.concatenate([[False], filled.T.ravel(), [not filled.T.ravel()[-1]]])
    ends = np.flatnonzero(flat[1:] != flat[:-1])
    return {"size": list(filled.shape), "counts": np.diff(ends, prepend=0).tolist()}


def _annotate(content: dict[str, list[Any]], image: int, class_id: int, segmentation: Any, crowd: int = 0) -> None:
    category = sorted(CATEGORIES)[class_id][0]
    fields = {"image_id": image, "category_id": category, "iscrowd": crowd, "segmentation": segmentation}
    content["annotations"].append({"id": len(content["annotations"]) + 1, **fields})
