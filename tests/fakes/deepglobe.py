"""DeepGlobe's patches in the layout in circulation."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from fakes.pictures import FakeFiles, rectangle, write_grey_mask, write_image


def write_deepglobe(root: Path) -> FakeFiles:
    """Twelve patches; patch n has masks of the classes n mod 6 and (n + 1) mod 6."""
    fake = FakeFiles(root)
    names = [(f"{100_000 + number}", f"{number % 6}{number % 5}") for number in range(12)]
    for number, (name, patch) in enumerate(names):
        write_image(root / "image" / f"{name}_sat_{patch}.jpg", (40, 40), np.random.default_rng(number))
    for class_id in range(6):
        for number, (name, patch) in enumerate(names):
            if (number - class_id) % 6 in (0, 5):
                rng = np.random.default_rng([number, class_id])
                mask = rectangle((40, 40), rng)
                write_grey_mask(root / "filter_mask" / str(class_id + 1) / f"{name}_mask_{patch}.png", mask, rng, True)
                fake.truth[f"val/{name}_{patch}", class_id] = mask
    return fake
