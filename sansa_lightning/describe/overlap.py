"""The overlap of training and test: common classes, by number or name, and common pictures."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from sansa_lightning.data.protocols.base import Pool
from sansa_lightning.data.protocols.regrouped import AS_IN_COCO
from sansa_lightning.data.sources.abilities import picture_of

_COCO_PHOTOGRAPH = re.compile(r"(?:COCO_\w+_)?(\d{12})\.jpg")
"""COCO's photographs are named by numbers, the same ones in LVIS, PACO and all editions of COCO."""


@dataclass(frozen=True)
class Overlap:
    """The overlap of training and test.

    Attributes:
        classes: names of the test classes that are trained on, with the same source and number, or the same name.
        tested: number of test classes.
        pictures: number of test pictures that are also training pictures.
        tested_pictures: number of test pictures.
    """

    classes: tuple[str, ...]
    tested: int
    pictures: int
    tested_pictures: int


def overlap(train: Sequence[Pool], test: Pool) -> Overlap:
    """The overlap of pools.

    Names are compared in lower case, with blanks for underscores; PASCAL's are replaced by COCO's. Classes with the
    same meaning but different names are not found. Pictures are compared by the paths of their files, photographs of
    COCO in two sources by their numbers.
    """
    numbers = {(pool.source.name, class_id) for pool in train for class_id in pool.classes}
    names = {_plain(pool.source.class_name(class_id)) for pool in train for class_id in pool.classes}
    shared = tuple(
        test.source.class_name(class_id)
        for class_id in test.classes
        if (test.source.name, class_id) in numbers or _plain(test.source.class_name(class_id)) in names
    )
    paths = {path for pool in train for path in _pictures(pool)}
    others = [pool for pool in train if pool.source.name != test.source.name]
    photographs = {_photograph(path) for pool in others for path in _pictures(pool)} - {None}
    tested = set(_pictures(test))
    both = sum(path in paths or _photograph(path) in photographs for path in tested)
    return Overlap(shared, len(test.classes), both, len(tested))


def _plain(name: str) -> str:
    lower = " ".join(name.lower().replace("_", " ").split())
    return AS_IN_COCO.get(lower, lower)


def _pictures(pool: Pool) -> Iterator[str]:
    for key in dict.fromkeys(key for class_id in pool.classes for key in pool.source.images(class_id, pool.split)):
        yield picture_of(pool.source, key)


def _photograph(path: str) -> str | None:
    """The number of a photograph of COCO."""
    found = _COCO_PHOTOGRAPH.fullmatch(Path(path).name)
    return found[1] if found else None
