"""Annotation files with one value changed: read, or refused in a line that names the file; never another error."""

from __future__ import annotations

import json
import pickle
from collections import Counter
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from fakes.coco20i_released import write_coco20i
from fakes.lvis import write_lvis
from fakes.paco_part import write_paco
from fakes.pascal_part import write_pascal_part
from sansa_lightning.data.sources.coco20i_released import Coco20iReleased
from sansa_lightning.data.sources.lvis import Lvis, LvisReleased
from sansa_lightning.data.sources.paco_part import PacoPart, PacoPartReleased
from sansa_lightning.data.sources.pascal_part import PascalPart

MUTATIONS = 120
JUNK = (
    None,
    True,
    -1,
    10**30,
    2.5,
    float("nan"),
    float("inf"),
    "",
    "x",
    "../../x",
    "\x00",
    [],
    [[]],
    {},
    [None],
    {"a": 1},
)


def places(tree: Any) -> Iterator[tuple[Any, Any]]:
    """Every container of a tree with each of its keys or positions."""
    for key in list(tree) if isinstance(tree, dict) else range(len(tree)):
        yield tree, key
        if isinstance(tree[key], dict | list):
            yield from places(tree[key])


@pytest.mark.parametrize(
    ("write", "build", "file"),
    [
        (write_lvis, Lvis, "lvis_v1_val.json"),
        (write_lvis, LvisReleased, "lvis_val.pkl"),
        (write_paco, PacoPart, "paco/paco_lvis_v1_val.json"),
        (write_paco, PacoPartReleased, "paco/paco_part_val.pkl"),
        (write_pascal_part, PascalPart, "VOCdevkit/VOC2010/all_obj_part_to_image.json"),
        (
            write_pascal_part,
            PascalPart,
            "VOCdevkit/VOC2010/Annotations_Part_json_merged_part_classes/2008_dog_1.json",
        ),
        (write_coco20i, Coco20iReleased, "splits/val/fold0.pkl"),
    ],
    ids=["lvis", "lvis_released", "paco", "paco_released", "pascal_index", "pascal_picture", "coco20i"],
)
def test_one_changed_value(tmp_path, write, build, file):
    root = write(tmp_path / "data").root
    path = root / file
    as_json = path.suffix == ".json"
    good = path.read_bytes()
    rng = np.random.default_rng(0)
    outcomes: Counter[str] = Counter()
    for _ in range(MUTATIONS):
        content = json.loads(good) if as_json else pickle.loads(good)  # noqa: S301 - written by the fake
        everywhere = list(places(content))
        tree, key = everywhere[rng.integers(len(everywhere))]
        tree[key] = JUNK[rng.integers(len(JUNK))]
        path.write_bytes(json.dumps(content).encode() if as_json else pickle.dumps(content))
        source = build(root)
        try:
            source.verify("val")
            for class_id in source.classes("val"):
                for image in source.images(class_id, "val")[:2]:
                    source.load(image, class_id)
            outcomes["read"] += 1
        except (ValueError, FileNotFoundError) as error:
            assert str(root) in str(error)  # noqa: PT017 - which of the two it is depends on the value
            assert "\n" not in str(error)  # noqa: PT017
            outcomes["refused"] += 1
    assert outcomes["refused"] > MUTATIONS // 10
