"""Random images and masks on disk, for the fake datasets of image files with mask files."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from PIL import Image


@dataclass
class FakeFiles:
    """What was written.

    Attributes:
        root: the dataset's folder.
        truth: (key, class id) -> the mask, for the classes that an image is listed for.
    """

    root: Path
    truth: dict[tuple[str, int], np.ndarray] = field(default_factory=dict)

    def images(self, class_id: int, split: str) -> list[str]:
        """Keys of the images of a class."""
        return [key for key, c in self.truth if c == class_id and key.startswith(f"{split}/")]


def size_of(index: int) -> tuple[int, int]:
    """(H, W), another one for each image, odd ones among them."""
    return 32 + index * 7 % 29, 35 + index * 11 % 28


def write_image(path: Path, size: tuple[int, int], rng: np.random.Generator, grey: bool = False) -> None:
    """Noise."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = rng.integers(0, 256, size if grey else (*size, 3), np.uint8)
    Image.fromarray(pixels).save(path)


def rectangle(size: tuple[int, int], rng: np.random.Generator) -> np.ndarray:
    """A mask [H, W] of one rectangle, 1 on 0."""
    mask = np.zeros(size, np.uint8)
    y, x = rng.integers(0, size[0] - 12), rng.integers(0, size[1] - 12)
    mask[y : y + rng.integers(4, 12), x : x + rng.integers(4, 12)] = 1
    return mask


def write_grey_mask(path: Path, mask: np.ndarray, rng: np.random.Generator, colour: bool = False) -> None:
    """A mask of which 1 has become a grey of 128 or more and 0 one of less, in one channel or in three."""
    path.parent.mkdir(parents=True, exist_ok=True)
    grey = np.where(mask == 1, rng.integers(128, 256, mask.shape), rng.integers(0, 128, mask.shape)).astype(np.uint8)
    Image.fromarray(np.repeat(grey[..., None], 3, axis=2) if colour else grey).save(path)


def write_labels(path: Path, labels: np.ndarray, palette: bool = False) -> None:
    """A label map, plain or with a palette in which neighbouring numbers look alike."""
    path.parent.mkdir(parents=True, exist_ok=True)
    picture = Image.fromarray(labels.astype(np.uint8))
    if palette:
        picture = picture.convert("P")
        picture.putpalette([value // 3 for value in range(256) for _ in range(3)])
    picture.save(path)
