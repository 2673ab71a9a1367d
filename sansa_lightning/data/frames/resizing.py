"""How an image and its mask get the size of a clip's frames, whatever their own."""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from sansa_lightning.images.pictures import Size, height_width, resize_mask, to_frame


class Resizing(ABC):
    """Makes frames of images, and masks of the same size."""

    @abstractmethod
    def frame(self, image: NDArray[np.uint8], size: Size, out: Tensor | None = None) -> Tensor:
        """A frame of an image.

        Args:
            image: uint8 [H, W, 3], RGB.
            size: of the frame.
            out: filled with the result; a new tensor if None.

        Returns:
            uint8 [3, H', W'], RGB.
        """

    @abstractmethod
    def mask(self, mask: NDArray[np.uint8], size: Size) -> Tensor:
        """The mask of a frame, uint8 [H', W'], of that of an image, uint8 [H, W], both in {0, 1, 255}."""


class Squash(Resizing):
    """The whole image, bilinear; masks by torch's "nearest" (docs/sansa.md 1.2, step 1, and 4)."""

    def frame(self, image: NDArray[np.uint8], size: Size, out: Tensor | None = None) -> Tensor:
        """See :meth:`Resizing.frame`."""
        return to_frame(image, size, out)

    def mask(self, mask: NDArray[np.uint8], size: Size) -> Tensor:
        """See :meth:`Resizing.mask`."""
        return resize_mask(mask, size)


class BicubicSquash(Resizing):
    """The whole image, bicubic; masks by Pillow's nearest, the pixel at the centre: FS-SAM2, in training and test."""

    def frame(self, image: NDArray[np.uint8], size: Size, out: Tensor | None = None) -> Tensor:
        """See :meth:`Resizing.frame`."""
        return to_frame(image, size, out, Image.Resampling.BICUBIC)

    def mask(self, mask: NDArray[np.uint8], size: Size) -> Tensor:
        """See :meth:`Resizing.mask`."""
        height, width = height_width(size)
        return torch.from_numpy(np.array(Image.fromarray(mask).resize((width, height), Image.Resampling.NEAREST)))
