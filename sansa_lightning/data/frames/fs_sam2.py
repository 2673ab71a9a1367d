"""The augmentation of FS-SAM2 (Forni et al., ICIAP 2025)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from sansa_lightning.data.frames.augmentation import Augmentation, as_pair, plain_pair
from sansa_lightning.data.frames.resizing import BicubicSquash


class FsSam2Augmentation(Augmentation):
    """Squashed by ``BicubicSquash``, turned by up to 10 degrees, blurred, and flipped half of the time.

    The corners that turning uncovers are black, and background in the mask. All operations are on uint8, and turning
    takes the nearest pixel. The blur, 5 x 5 with a sigma of 0.1 to 2, is always applied.
    """

    DEGREES = 10.0
    KERNEL = 5
    SIGMA = (0.1, 2.0)
    FLIP = 0.5

    def __init__(self) -> None:
        self.resizing = BicubicSquash()

    def __call__(
        self, image: NDArray[np.uint8], mask: NDArray[np.uint8], size: tuple[int, int], rng: np.random.Generator
    ) -> tuple[Tensor, Tensor]:
        """See :meth:`Augmentation.__call__`; draws the angle, the sigma and the flip, in this order."""
        from torchvision.transforms.v2 import functional

        frame, truth = as_pair(self.resizing.frame(image, size), self.resizing.mask(mask, size))
        angle, sigma, flip = rng.uniform(-self.DEGREES, self.DEGREES), rng.uniform(*self.SIGMA), rng.random()
        frame, truth = (functional.rotate(each, angle, fill=0) for each in (frame, truth))
        frame = functional.gaussian_blur(frame, [self.KERNEL, self.KERNEL], [sigma, sigma])
        if flip < self.FLIP:
            frame, truth = functional.horizontal_flip(frame), functional.horizontal_flip(truth)
        return plain_pair(frame, truth)
