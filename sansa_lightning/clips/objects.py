"""Every annotated object of an image with its class, whichever class is asked for; for the controls of a test."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor


@dataclass(frozen=True, slots=True)
class Objects:
    """Each annotated object of an image, of any class.

    Attributes:
        instances: int16 [H, W], 0 background, k + 1 on the k-th object.
        classes: class of each object.
    """

    instances: Tensor
    classes: tuple[int, ...]

    @classmethod
    def from_map(cls, instances: NDArray[np.integer], classes: tuple[int, ...]) -> Objects:
        """Built from the output of a source's ``objects``: an integer map [H, W] and the class of each object.

        Raises:
            ValueError: the map has a number above the number of objects.
        """
        if int(instances.max(initial=0)) > len(classes):
            msg = f"Objects: expected numbers up to {len(classes)}, one per object, but got {int(instances.max())}"
            raise ValueError(msg)
        return cls(torch.from_numpy(instances.astype(np.int16)), classes)

    def resized(self, size: tuple[int, int]) -> Objects:
        """The same at another size, by nearest neighbour, as masks are resized."""
        # torch has no "nearest" for int16; float32 holds each int16 exactly.
        numbers = F.interpolate(self.instances[None, None].float(), size=size, mode="nearest")[0, 0]
        return replace(self, instances=numbers.short())
