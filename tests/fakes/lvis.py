"""LVIS in its real layouts, of rectangles, and lists of any number of classes."""

from __future__ import annotations

import json
import pickle
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from fakes.annotated import FakeAnnotations
from fakes.shapes import boxes_in, packed_runs, painted, picture, plain_runs, polygon

# Not in order of id, with gaps; 900 has a single val picture, 1203 none at all.
CATEGORIES = [(17, "bee"), (3, "ant"), (40, "cat"), (1203, "zucchini"), (900, "rare"), (256, "dog")]
SHOWN = (17, 3, 40, 256)
RARE, NONE = 900, 1203


@dataclass
class FakeLvis(FakeAnnotations):
    """What was written.

    Attributes:
        truth: (key, category id) -> the mask.
    """

    truth: dict[tuple[str, int], np.ndarray] = field(default_factory=dict)

    def json(self, split: str) -> Path:
        return self.root / f"lvis_v1_{split}.json"

    def pickle(self, split: str) -> Path:
        return self.root / f"lvis_{split}.pkl"


def write_lvis(root: Path, images: int = 12) -> FakeLvis:
    """Write both splits in both formats; image i shows two of ``SHOWN``, and every third val one is of train2017."""
    fake = FakeLvis(root)
    for split in ("train", "val"):
        rng = np.random.default_rng(len(split))
        content: dict[str, list[Any]] = {"images": [], "annotations": [], "categories": []}
        content["categories"] = [{"id": number, "name": name, "frequency": "c"} for number, name in CATEGORIES]
        pickled: dict[int, dict[str, Any]] = {}
        for index in range(images):
            height, width = 30 + index * 7 % 23, 33 + index * 11 % 19
            folder = "train2017" if split == "train" or index % 3 == 0 else "val2017"
            file = f"{folder}/{(5000 if split == 'val' else 0) + index:012d}.jpg"
            picture(root / "coco" / file, height, width, rng)
            address = f"http://images.cocodataset.org/{file}"
            content["images"].append({"id": 70 + index, "coco_url": address, "height": height, "width": width})
            shown = [SHOWN[index % 4], SHOWN[(index + 1) % 4]] + [RARE] * (index == 0 or split == "train")
            for category in shown:
                boxes = boxes_in(rng, (0, 0, width, height), 1 + index % 3)
                fake.truth[f"{split}/{file}", category] = painted(boxes, height, width)
                for box in boxes:
                    entry = {"id": len(content["annotations"]) + 1, "image_id": 70 + index, "category_id": category}
                    content["annotations"].append({**entry, "segmentation": polygon(box)})
                forms = [_form(place, box, height, width) for place, box in enumerate(boxes, index)]
                pickled.setdefault(category, {})[file] = {"annotations": [{"segmentation": form} for form in forms]}
        fake.json(split).write_text(json.dumps(content))
        fake.pickle(split).write_bytes(pickle.dumps(pickled, 4))
    return fake


def _form(place: int, box: tuple[int, int, int, int], height: int, width: int) -> Any:
    mask = painted([box], height, width)
    return [polygon(box), [np.array(polygon(box)[0])], plain_runs(mask), packed_runs(mask), mask][place % 5]


def write_lists(root: Path, counts: dict[str, dict[int, int]]) -> Path:
    """Annotations, both formats, in which category c of a split has ``counts[split][c]`` pictures.

    Args:
        root: folder to write in.
        counts: split -> category id -> pictures; the pickles keep the order in which they are given.
    """
    for split, wanted in counts.items():
        number = max(wanted.values())
        files = [f"{split}2017/{index:012d}.jpg" for index in range(number)]
        for file in files:
            picture(root / "coco" / file, 8, 8, np.random.default_rng(0))
        address = "http://images.cocodataset.org/"
        content: dict[str, list[Any]] = {
            "images": [{"id": i, "coco_url": address + f, "height": 8, "width": 8} for i, f in enumerate(files)],
            "categories": [{"id": category, "name": f"class {category}"} for category in wanted],
            "annotations": [],
        }
        pickled: dict[int, dict[str, Any]] = defaultdict(dict)
        for category, pictures in wanted.items():
            for image in range(pictures):
                entry = {"id": len(content["annotations"]), "image_id": image, "category_id": category}
                content["annotations"].append({**entry, "segmentation": polygon((1, 1, 5, 5))})
                pickled[category][files[image]] = {"annotations": [{"segmentation": polygon((1, 1, 5, 5))}]}
        (root / f"lvis_v1_{split}.json").write_text(json.dumps(content))
        (root / f"lvis_{split}.pkl").write_bytes(pickle.dumps(dict(pickled), 4))
    return root
