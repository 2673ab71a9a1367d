"""Chest X-rays in the layout in circulation: two hospitals, whose masks are named differently."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from fakes.pictures import FakeFiles, rectangle, size_of, write_grey_mask, write_image

WITHOUT_MASK = "CHNCXR_0025_0"


def write_lung(root: Path) -> FakeFiles:
    """Four images of each hospital, and one without a mask."""
    fake = FakeFiles(root)
    for number in range(8):
        name, ending = (f"CHNCXR_{number:04d}_0", "_mask") if number < 4 else (f"MCUCXR_{number:04d}_0", "")
        rng = np.random.default_rng(number)
        mask = rectangle(size_of(number), rng)
        write_image(root / "CXR_png" / f"{name}.png", mask.shape, rng, grey=number % 2 == 0)
        write_grey_mask(root / "masks" / f"{name}{ending}.png", mask, rng)
        fake.truth[f"val/{name}{ending}", 0] = mask
    write_image(root / "CXR_png" / f"{WITHOUT_MASK}.png", (40, 40), np.random.default_rng(9))
    return fake
