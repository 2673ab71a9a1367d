"""Videos in the layout of DAVIS: ``JPEGImages``, ``Annotations`` and ``ImageSets`` of a resolution."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from sansa_lightning.images.pictures import read_image

WHITE = 255
"""Value of the one object in the grey masks of DAVIS 2016."""


@dataclass(frozen=True)
class Video:
    """A video, read frame by frame.

    Attributes:
        name: of its folder.
        frames: files of the pictures, in order.
        annotations: files of the masks, one for each picture.
    """

    name: str
    frames: tuple[Path, ...]
    annotations: tuple[Path, ...]

    def __len__(self) -> int:
        return len(self.frames)

    def __iter__(self) -> Iterator[tuple[NDArray[np.uint8], NDArray[np.uint8]]]:
        """Pictures, uint8 [H, W, 3], with their maps of objects, uint8 [H, W]: 0 background, k the k-th object."""
        for picture, annotation in zip(self.frames, self.annotations, strict=True):
            yield read_image(picture), object_map(annotation)


def davis_videos(root: Path, split: str = "val", resolution: str = "480p") -> list[Video]:
    """The videos of a split, in the order of its list.

    Args:
        root: folder of the dataset.
        split: name of a list in ``ImageSets/<resolution>`` or ``ImageSets/2017``: names of videos, one a line.
        resolution: name of the folders of pictures and masks.

    Raises:
        FileNotFoundError: the list or a video is not there.
        ValueError: a video has not one mask for each picture, or the list is empty.
    """
    lists = [root / "ImageSets" / folder / f"{split}.txt" for folder in (resolution, "2017")]
    listed = next((path for path in lists if path.is_file()), None)
    if listed is None:
        msg = f"DAVIS: {lists[0]} is not there; expected a folder with ImageSets, JPEGImages and Annotations"
        raise FileNotFoundError(msg)
    names = listed.read_text(encoding="utf-8").split()
    if not names:
        msg = f"DAVIS: {listed} lists no video"
        raise ValueError(msg)
    return [_video(root, resolution, name) for name in names]


def object_map(path: Path) -> NDArray[np.uint8]:
    """The objects in a mask file: palette numbers, or one object that is white; uint8 [H, W]."""
    with Image.open(path) as picture:
        values = np.array(picture if picture.mode in ("P", "L") else picture.convert("L"))
        grey = picture.mode != "P"
    return np.where(values == WHITE, np.uint8(1 if grey else 0), values).astype(np.uint8)


def _video(root: Path, resolution: str, name: str) -> Video:
    frames = tuple(sorted((root / "JPEGImages" / resolution / name).glob("*.jpg")))
    annotations = tuple(root / "Annotations" / resolution / name / f"{frame.stem}.png" for frame in frames)
    if not frames:
        msg = f"DAVIS: {root / 'JPEGImages' / resolution / name} has no pictures *.jpg"
        raise FileNotFoundError(msg)
    if missing := [path for path in annotations if not path.is_file()]:
        msg = f"DAVIS: {missing[0]} is not there; expected a mask for each picture"
        raise FileNotFoundError(msg)
    return Video(name, frames, annotations)
