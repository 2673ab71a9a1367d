"""YOLO's segmentation format, by the library supervision: a text file of polygons for each picture."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from sansa_lightning.annotate.job.entries import mask_of
from sansa_lightning.annotate.job.index_maps import named, tell_others
from sansa_lightning.annotate.job.journal import Line, Record
from sansa_lightning.files.messages import counted
from sansa_lightning.files.whole import replacing, write_text
from sansa_lightning.images.parts import connected_parts

FEWEST = 6
"""Numbers of a polygon; supervision writes the box of a mask that is too thin for one."""

if TYPE_CHECKING:
    from supervision import Detections


def check_extra() -> None:
    """Refuse to begin without the library.

    Raises:
        ValueError: says how to get it.
    """
    if find_spec("supervision") is None:
        msg = "--yolo: needs supervision, which is not installed; pip install 'sansa_lightning[formats]'"
        raise ValueError(msg)


def write_yolo(folder: Path, record: Record, names: Sequence[str]) -> None:
    """Write ``<folder>/data.yaml`` and ``<folder>/labels/<name of the picture>.txt``, one picture at a time.

    Each connected part of an object is a polygon, a line of the file. Parts that are too thin for one, straight lines
    of single pixels, are left out and counted on stderr.

    Args:
        folder: of the files.
        record: of the finished job.
        names: of the classes.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of OpenCV, which it can do without
        from supervision.dataset.formats.yolo import detections_to_yolo_annotations, save_data_yaml

    written, thin = set(), 0
    for image, name in named(record):
        lines: list[str] = []
        parts = 0
        if image["found"]:
            size = (image["size"][0], image["size"][1])
            # 0: no corner is left out, so that the mask comes back as it was.
            detections = _detections(image)
            lines = detections_to_yolo_annotations(detections, size, approximation_percentage=0.0)
            parts = sum(connected_parts(mask)[1] for mask in detections.mask)
        polygons = [line for line in lines if line.count(" ") >= FEWEST]
        thin += parts - len(polygons)  # each part has one polygon
        written.add(folder / "labels" / f"{name}.txt")
        write_text(folder / "labels" / f"{name}.txt", "".join(f"{line}\n" for line in polygons))
    with replacing(folder / "data.yaml") as partial:
        save_data_yaml(str(partial), list(names))
    if thin:
        sys.stderr.write(f"annotate: --yolo: {counted(thin, 'part')} of objects too thin for a polygon, left out\n")
    tell_others("yolo", folder / "labels", ".txt", written)


def _detections(image: Line) -> Detections:
    from supervision import Detections

    boxes = np.array([each["bbox"] for each in image["found"]], np.float32)
    masks = np.stack([mask_of(each["segmentation"], (image["size"][0], image["size"][1])) for each in image["found"]])
    return Detections(
        xyxy=np.concatenate([boxes[:, :2], boxes[:, :2] + boxes[:, 2:]], axis=1),
        mask=masks,
        class_id=np.array([each["class"] for each in image["found"]]),
    )
