"""FSS-1000 in its real layout: 4 + 2 + 3 classes of ten images."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from fakes.pictures import FakeFiles, rectangle, size_of, write_grey_mask, write_image

LISTS = {"trn": ["yak", "ab wheel", "crab", "abacus"], "val": ["zebra", "bamboo_slip"], "test": ["owl", "kite", "fan"]}
ODD_MASK, GREY = 7, 3
"""Number of the image whose mask has another size, and of the one that is stored in grey, in each class."""


def write_fss1000(root: Path) -> FakeFiles:
    """Write all lists; the val split of the truth is the test list."""
    fake = FakeFiles(root)
    (root / "splits").mkdir(parents=True)
    first = 0
    for listed, names in LISTS.items():
        (root / "splits" / f"{listed}.txt").write_text("\n".join(names) + "\n")
        for class_id, name in enumerate(sorted(names), first):
            rng = np.random.default_rng(class_id)
            for number in range(1, 11):
                mask = _write(root / "data" / name, number, rng)
                split = {"trn": "train", "test": "val"}.get(listed)
                if split:
                    fake.truth[f"{split}/{name}/{number}", class_id] = mask
        first += len(names)
    return fake


def _write(folder: Path, number: int, rng: np.random.Generator) -> np.ndarray:
    size = size_of(number)
    write_image(folder / f"{number}.jpg", size, rng, grey=number == GREY)
    if number != ODD_MASK:
        mask = rectangle(size, rng)
        write_grey_mask(folder / f"{number}.png", mask, rng, colour=number % 2 == 0)
        return mask
    small = rectangle((20, 24), rng)
    write_grey_mask(folder / f"{number}.png", small, rng)
    rows, columns = (np.arange(n) * m // n for n, m in zip(size, small.shape, strict=True))
    return small[rows][:, columns]
