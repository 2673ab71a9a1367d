"""Connected parts of masks."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def connected_parts(mask: NDArray[np.bool_]) -> tuple[NDArray[np.int32], int]:
    """The parts by their numbers, and how many there are; pixels that meet by a corner are connected.

    Args:
        mask: bool [H, W].

    Returns:
        int32 [H, W], from 1 on and 0 on none; and their count.
    """
    from scipy.ndimage import label

    numbers, count = label(mask, np.ones((3, 3)))
    return numbers, int(count)
