"""LVIS-style and PACO-style annotations made from a COCO file, so that their sources are read on real photographs."""

from __future__ import annotations

import json
import pickle
from pathlib import Path
from typing import Any

import numpy as np

from fakes.shapes import packed_runs

SPLITS = ("train", "val")
UPPER, LOWER = 1000, 2000
"""What is added to the category of an object for the class of its upper and of its lower half."""


def _objects(mini: Path, split: str) -> dict[str, Any]:
    """COCO's content without crowds."""
    content = json.loads((mini / "annotations" / f"instances_{split}2017.json").read_text())
    content["annotations"] = [a for a in content["annotations"] if not a["iscrowd"]]
    for image in content["images"]:
        image["coco_url"] = f"http://images.cocodataset.org/{split}2017/{image.pop('file_name')}"
    return content


def write_lvis_style(mini: Path, root: Path) -> Path:
    """``root`` in the layout of LVIS, both formats, with the photographs linked."""
    root.mkdir()
    (root / "coco").symlink_to(mini)
    for split in SPLITS:
        content = _objects(mini, split)
        files = {image["id"]: "/".join(image["coco_url"].split("/")[-2:]) for image in content["images"]}
        pickled: dict[int, Any] = {}
        for annotation in content["annotations"]:
            images = pickled.setdefault(annotation["category_id"], {})
            entry = images.setdefault(files[annotation["image_id"]], {"annotations": []})
            entry["annotations"].append({"segmentation": annotation["segmentation"]})
        (root / f"lvis_v1_{split}.json").write_text(json.dumps(content))
        (root / f"lvis_{split}.pkl").write_bytes(pickle.dumps(pickled, 4))
    return root


def write_paco_style(mini: Path, root: Path) -> tuple[Path, dict[tuple[str, int], np.ndarray]]:
    """``root`` in the layout of PACO, where each object has an upper and a lower half as parts; and the cut masks."""
    from pycocotools import mask as coco_mask

    (root / "paco").mkdir(parents=True)
    (root / "coco").symlink_to(mini)
    truth = {}
    for split in SPLITS:
        content = _objects(mini, split)
        images = {image["id"]: image for image in content["images"]}
        parts = []
        for owner in content["annotations"]:
            image = images[owner["image_id"]]
            size = (image["height"], image["width"])
            whole = coco_mask.decode(coco_mask.merge(coco_mask.frPyObjects(owner["segmentation"], *size)))
            x, y, width, height = owner["bbox"]
            middle = int(y + height / 2)
            owner["obj_ann_id"] = owner["id"]
            key = f"{split}/{'/'.join(image['coco_url'].split('/')[-2:])}#{owner['id']}"
            for shift, rows in ((UPPER, slice(0, middle)), (LOWER, slice(middle, None))):
                half = np.zeros_like(whole)
                half[rows] = whole[rows]
                category = owner["category_id"] + shift
                number = owner["id"] * 10 + shift // 1000 + 10**13
                fields = {"image_id": owner["image_id"], "category_id": category, "bbox": owner["bbox"]}
                parts.append({"id": number, "obj_ann_id": owner["id"], **fields, "segmentation": packed_runs(half)})
                cut = half[int(y) : int(y + height), int(x) : int(x + width)]
                if cut.any():
                    truth[key, category] = cut
        content["annotations"] = parts + content["annotations"]
        halves = ((UPPER, "upper"), (LOWER, "lower"))
        content["categories"] += [
            {"id": c["id"] + shift, "name": f"{c['name']}:{half}"}
            for c in content["categories"]
            for shift, half in halves
        ]
        (root / "paco" / f"paco_lvis_v1_{split}.json").write_text(json.dumps(content))
    return root, truth
