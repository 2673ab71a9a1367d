"""YOLO's segmentation format, by the library supervision: a text file of polygons for each picture."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from sansa_lightning.annotate.job.entries import mask_of
from sansa_lightning.annotate.job.index_maps import named
from sansa_lightning.annotate.job.journal import Line, Record
from sansa_lightning.files.whole import replacing, write_text

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

    Args:
        folder: of the files.
        record: of the finished job.
        names: of the classes.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of OpenCV, which it can do without
        from supervision.dataset.formats.yolo import detections_to_yolo_annotations, save_data_yaml
    for image, name in named(record):
        lines: list[str] = []
        if image["found"]:
            size = (image["size"][0], image["size"][1])
            # 0: no corner is left out, so that the mask comes back as it was.
            lines = detections_to_yolo_annotations(_detections(image), size, approximation_percentage=0.0)
        write_text(folder / "labels" / f"{name}.txt", "".join(f"{line}\n" for line in lines))
    with replacing(folder / "data.yaml") as partial:
        save_data_yaml(str(partial), list(names))


def _detections(image: Line) -> Detections:
    from supervision import Detections

    boxes = np.array([each["bbox"] for each in image["found"]], np.float32)
    masks = np.stack([mask_of(each["segmentation"], (image["size"][0], image["size"][1])) for each in image["found"]])
    return Detections(
        xyxy=np.concatenate([boxes[:, :2], boxes[:, :2] + boxes[:, 2:]], axis=1),
        mask=masks,
        class_id=np.array([each["class"] for each in image["found"]]),
    )
