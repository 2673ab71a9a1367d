"""The augmentation of FSSAM (Xu et al., ICML 2025)."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sansa_lightning.clips.frames import IMAGENET_MEAN
from sansa_lightning.data.frames.augmentation import Augmentation, as_pair, plain_pair
from sansa_lightning.images.object_masks import IGNORE

MEAN = [round(255 * value) for value in IMAGENET_MEAN]
"""The colour of what turning and padding add."""


class FssamAugmentation(Augmentation):
    """Scaled from the image's own size, turned, blurred and flipped by chance, then a crop of the frame's size.

    Half of the images are turned, by up to 10 degrees, half are blurred and half are flipped. What turning and padding
    add has the mean colour, and 255 in the mask. A crop is drawn again, up to 31 times, until it has at least 85 % of
    the foreground; else the last one is taken. The blur has OpenCV's sigma for a kernel of 5, 1.1; images are scaled
    and turned bilinearly, masks by nearest.

    Args:
        scale: least and greatest factor; 0.9 and 1.1 on PASCAL-5i, 0.8 and 1.25 on COCO-20i.
    """

    DEGREES = 10.0
    KERNEL = 5
    CHANCE = 0.5
    KEPT = 0.85
    REDRAWN = 31

    def __init__(self, scale: tuple[float, float] = (0.9, 1.1)) -> None:
        least, greatest = scale
        if not 0.1 <= least <= greatest <= 10:
            msg = f"FssamAugmentation.scale: expected two factors from 0.1 to 10, ascending, but got {list(scale)}"
            raise ValueError(msg)
        self.scale = (least, greatest)

    def __call__(
        self, image: NDArray[np.uint8], mask: NDArray[np.uint8], size: tuple[int, int], rng: np.random.Generator
    ) -> tuple[Tensor, Tensor]:
        """See :meth:`Augmentation.__call__`; draws factor, three chances, angle and crops, in this order."""
        from torchvision.transforms import InterpolationMode
        from torchvision.transforms.v2 import functional

        frame, truth = as_pair(_planes(image), _whole(mask))
        factor, (turn, blur, flip) = rng.uniform(*self.scale), rng.random(3) < self.CHANCE
        angle = rng.uniform(-self.DEGREES, self.DEGREES)
        scaled = [max(1, round(side * factor)) for side in mask.shape]
        frame = functional.resize(frame, scaled, InterpolationMode.BILINEAR, antialias=False)
        truth = functional.resize(truth, scaled, InterpolationMode.NEAREST)
        if turn:
            frame = functional.rotate(frame, angle, InterpolationMode.BILINEAR, fill=MEAN)
            truth = functional.rotate(truth, angle, fill=IGNORE)
        if blur:
            frame = functional.gaussian_blur(frame, [self.KERNEL, self.KERNEL])
        if flip:
            frame, truth = functional.horizontal_flip(frame), functional.horizontal_flip(truth)
        missing = [max(0, wanted - side) for wanted, side in zip(size, scaled, strict=True)]
        around = [missing[1] // 2, missing[0] // 2, missing[1] - missing[1] // 2, missing[0] - missing[0] // 2]
        frame, truth = functional.pad(frame, around, fill=MEAN), functional.pad(truth, around, fill=IGNORE)
        top, left = self._corner(truth[0], size, rng)
        return plain_pair(*(each[:, top : top + size[0], left : left + size[1]] for each in (frame, truth)))

    def _corner(self, mask: Tensor, size: tuple[int, int], rng: np.random.Generator) -> tuple[int, int]:
        """The upper left corner of a crop that has enough of the foreground, or of the last one tried."""
        foreground = mask == 1
        least = self.KEPT * int(foreground.sum())
        most = [side - wanted + 1 for side, wanted in zip(mask.shape, size, strict=True)]
        for _ in range(1 + self.REDRAWN):
            top, left = (int(rng.integers(number)) for number in most)
            if int(foreground[top : top + size[0], left : left + size[1]].sum()) >= least:
                break
        return top, left


def _planes(image: NDArray[np.uint8]) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(image.transpose(2, 0, 1)))


def _whole(mask: NDArray[np.uint8]) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(mask))
