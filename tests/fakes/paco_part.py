"""PACO-Part in its real layouts, of rectangles, and lists of any number of classes."""

from __future__ import annotations

import json
import pickle
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from fakes.annotated import FakeAnnotations
from fakes.shapes import Box, boxes_in, packed_runs, painted, picture

OBJECTS = [(1, "bag"), (2, "mug")]
PARTS = [(190, "mug:rim"), (120, "bag:handle"), (121, "bag:zip"), (300, "mug:base")]
OF_OBJECT = {1: (120, 121), 2: (190, 300)}
BEYOND, OUTSIDE = 2, 3
"""Images in which a part reaches beyond its object's box, and in which one is wholly outside of it."""


@dataclass
class FakePaco(FakeAnnotations):
    """What was written.

    Attributes:
        truth: (key, category id) -> the mask in the object's box.
        windows: key -> the box, cut to integers.
    """

    truth: dict[tuple[str, int], np.ndarray] = field(default_factory=dict)
    windows: dict[str, Box] = field(default_factory=dict)

    def json(self, split: str) -> Path:
        return self.root / "paco" / f"paco_lvis_v1_{split}.json"

    def pickle(self, split: str) -> Path:
        return self.root / "paco" / f"paco_part_{split}.pkl"


class _Writer:
    def __init__(self) -> None:
        kinds = [(OBJECTS, "OBJECT"), (PARTS, "PART")]
        categories = [{"id": i, "name": n, "supercategory": kind} for group, kind in kinds for i, n in group]
        self.content: dict[str, list[Any]] = {"images": [], "annotations": [], "categories": categories}
        self.cid2img: dict[int, list[dict[int, str]]] = {}
        self.img2anno: dict[int, list[dict[str, Any]]] = {}

    def image(self, number: int, file: str, height: int, width: int) -> None:
        self.content["images"].append({"id": number, "file_name": file, "height": height, "width": width})

    def annotate(self, image: int, category: int, owner: int | None, box: list[float], mask: np.ndarray) -> int:
        """Add an object (owner None) or a part; the annotation's id."""
        number = len(self.content["annotations"]) + 500
        fields = {"image_id": image, "category_id": category, "bbox": box, "segmentation": packed_runs(mask)}
        self.content["annotations"].append({"id": number, "obj_ann_id": owner or number, **fields})
        return number

    def pickled(self, image: int, file: str, category: int, owner: int, box: list[float], mask: np.ndarray) -> None:
        self.cid2img.setdefault(category, []).append({image: f"/some/where/coco/{file}"})
        fields = {"category_id": category, "obj_ann_id": owner, "obj_bbox": box, "segmentation": packed_runs(mask)}
        self.img2anno.setdefault(image, []).append(fields)


def write_paco(root: Path, images: int = 8) -> FakePaco:
    """Write both splits in both formats; image i shows two objects with two parts each."""
    fake = FakePaco(root)
    (root / "paco").mkdir(parents=True)
    for split in ("train", "val"):
        rng = np.random.default_rng(len(split))
        writer = _Writer()
        for index in range(images):
            height, width = 40 + index * 7 % 23, 44 + index * 11 % 19
            file = f"{split}2017/{index:012d}.jpg"
            picture(root / "coco" / file, height, width, rng)
            writer.image(40 + index, file, height, width)
            # Parts of the first object are written after the second one, as nothing says that they are in order.
            objects = []
            for kind, left in ((1 + index % 2, 2), (2, width // 2)):
                box = [left + 0.6, 3.7, width // 2 - 5.2, height - 7.9]
                window = (left, 3, int(box[0] + box[2]), int(box[1] + box[3]))
                whole = painted([window], height, width)
                objects.append((writer.annotate(40 + index, kind, None, box, whole), kind, box, window))
            for owner, kind, box, window in objects:
                key = f"{split}/{file}#{owner}"
                fake.windows[key] = window
                for category in OF_OBJECT[kind]:
                    _part(fake, writer, (40 + index, file, height, width), (owner, category, box, window), key, rng)
        fake.json(split).write_text(json.dumps(writer.content))
        fake.pickle(split).write_bytes(pickle.dumps({"cid2img": writer.cid2img, "img2anno": writer.img2anno}, 4))
    return fake


def _part(fake: FakePaco, writer: _Writer, at: Any, part: Any, key: str, rng: Any) -> None:
    (image, file, height, width), (owner, category, box, window) = at, part
    x0, y0, x1, y1 = window
    boxes = boxes_in(rng, window, 2)
    if image == 40 + BEYOND:
        boxes = [(x0 - 1, y0 - 2, x0 + 5, y1 + 2)]
    if image == 40 + OUTSIDE and category == 300:
        boxes = [(x0, 0, x1, y0)]
    for each in boxes:
        mask = painted([each], height, width)
        writer.annotate(image, category, owner, [0, 0, 1, 1], mask)
        writer.pickled(image, file, category, owner, box, mask)
    cut = painted(boxes, height, width)[y0:y1, x0:x1]
    if cut.any():
        fake.truth[key, category] = cut


def write_lists(root: Path, counts: dict[str, dict[int, int]]) -> Path:
    """JSON in which part category c of a split has ``counts[split][c]`` pictures, with two objects each."""
    (root / "paco").mkdir(parents=True)
    for split, wanted in counts.items():
        writer = _Writer()
        writer.content["categories"] = [{"id": c, "name": f"thing:part {c}"} for c in wanted] + [
            {"id": 1, "name": "thing"}
        ]
        box, mask = [0, 0, 8, 8], painted([(1, 1, 6, 6)], 8, 8)
        for index in range(max(wanted.values())):
            file = f"{split}2017/{index:012d}.jpg"
            picture(root / "coco" / file, 8, 8, np.random.default_rng(0))
            writer.image(index, file, 8, 8)
            owners = [writer.annotate(index, 1, None, box, mask) for _ in range(2)]
            for category, pictures in wanted.items():
                for owner in owners if index < pictures else ():
                    writer.annotate(index, category, owner, box, mask)
        (root / "paco" / f"paco_lvis_v1_{split}.json").write_text(json.dumps(writer.content))
    return root
