"""Pascal-Part in the layout in circulation, of rectangles."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from fakes.shapes import Box, boxes_in, packed_runs, painted, picture

# In the file's order, which is not the order of the folds; train and val lists of the marked ones have gaps.
OBJECTS = {
    "vehicles": {"aeroplane": ["BODY", "TAIL"], "car": ["DOOR"]},
    "animals": {"dog": ["HEAD", "LEG", "UNSEEN"], "cat": ["HEAD"]},
    "person": {"person": ["HEAD", "ARM"]},
    "indoor": {"bottle": ["CAP"]},
}
NAMES = ("dog:HEAD", "dog:LEG", "cat:HEAD", "bottle:CAP", "person:HEAD", "person:ARM", "aeroplane:BODY", "car:DOOR")
"""Of the class ids 0 to 7: the aeroplane's tail is left out, and what the dog's UNSEEN part is has no val list."""


@dataclass
class FakePascalPart:
    """What was written.

    Attributes:
        root: the dataset's folder.
        truth: (key, class id) -> the mask in the object's box.
        windows: key -> the box.
    """

    root: Path
    truth: dict[tuple[str, int], np.ndarray] = field(default_factory=dict)
    windows: dict[str, Box] = field(default_factory=dict)

    @property
    def voc(self) -> Path:
        return self.root / "VOCdevkit" / "VOC2010"

    @property
    def index(self) -> Path:
        return self.voc / "all_obj_part_to_image.json"

    def annotation(self, stem: str) -> Path:
        return self.voc / "Annotations_Part_json_merged_part_classes" / f"{stem}.json"

    def edit(self, path: Path, change: Any) -> None:
        content = json.loads(path.read_text())
        change(content)
        path.write_text(json.dumps(content))


def write_pascal_part(root: Path, pictures: int = 3) -> FakePascalPart:
    """Write ``pictures`` a split for each kind of object, with two objects of it, of which the second lacks a part."""
    fake = FakePascalPart(root)
    fake.annotation("x").parent.mkdir(parents=True)
    index: dict[str, Any] = {}
    rng = np.random.default_rng(0)
    for group, kinds in OBJECTS.items():
        index[group] = {"object": {}}
        for kind, parts in kinds.items():
            lists: dict[str, dict[str, list[str]]] = {part: {"train": [], "val": []} for part in parts}
            for number in range(2 * pictures):
                split = ("train", "val")[number % 2]
                stem = f"2008_{kind}_{number}"
                _write_picture(fake, split, stem, kind, parts, rng)
                for part in parts:
                    if (part, split) != ("UNSEEN", "val"):
                        lists[part][split].append(stem)
            index[group]["object"][kind] = {"part": lists}
    fake.index.write_text(json.dumps(index))
    return fake


def _write_picture(fake: FakePascalPart, split: str, stem: str, kind: str, parts: list[str], rng: Any) -> None:
    height, width = int(rng.integers(40, 60)), int(rng.integers(44, 60))
    picture(fake.voc / "JPEGImages" / f"{stem}.jpg", height, width, rng)
    content: list[Any] = [{"name": "sofa", "bndbox": {"a": 1, "b": 1, "c": 9, "d": 9}, "parts": []}]
    for position, left in enumerate((1, width // 2), 1):
        window = (left, 2, left + width // 2 - 3, height - 3)
        key = f"{split}/{stem}.jpg#{position}"
        fake.windows[key] = window
        shown = []
        for part in parts if position == 1 else parts[:1]:
            boxes = boxes_in(rng, window, 2)
            masks = [packed_runs(painted([box], height, width)) for box in boxes]
            shown.append({"name": part, "mask": masks})
            if f"{kind}:{part}" in NAMES:
                cut = painted(boxes, height, width)[window[1] : window[3], window[0] : window[2]]
                fake.truth[key, NAMES.index(f"{kind}:{part}")] = cut
        box = dict(zip(("xmin", "ymin", "xmax", "ymax"), map(str, window), strict=True))
        content.append({"name": kind, "bndbox": box, "parts": shown})
    fake.annotation(stem).write_text(json.dumps({"object": content}))
