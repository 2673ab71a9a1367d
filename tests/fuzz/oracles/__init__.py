"""What is in a dataset's files, read the plain way: json, pickle, Pillow, pycocotools, not a line of the package.

An oracle may raise anything where files are not as they should be; a reader that accepts such files is wrong. Numbers
are looked at as closely as the formats ask: a count in quotes is no count.
"""

from fuzz.oracles.annotated import coco, coco_file, lvis, lvis_released
from fuzz.oracles.files import ade20k, coco20i_released, deepglobe, folder, fss1000, isic, lung, pascal5i
from fuzz.oracles.objects import paco, paco_released, pascal_part
from fuzz.oracles.reading import Oracle, Reading, differences

__all__ = [
    "Oracle",
    "Reading",
    "ade20k",
    "coco",
    "coco20i_released",
    "coco_file",
    "deepglobe",
    "differences",
    "folder",
    "fss1000",
    "isic",
    "lung",
    "lvis",
    "lvis_released",
    "paco",
    "paco_released",
    "pascal5i",
    "pascal_part",
]
