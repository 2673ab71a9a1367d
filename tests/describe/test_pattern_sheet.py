from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sansa_lightning.data.patterns.families import NAMES
from sansa_lightning.data.sources.patterns import Patterns
from sansa_lightning.describe.pattern_sheet import contact_sheet, swatch, write

DOCS = Path(__file__).parents[2] / "docs"


SOURCE = Patterns()


def corner(class_id: int) -> tuple[int, int]:
    """Left and upper edge of a class's pattern in the sheet."""
    return class_id % 4 * 204 + 6, class_id // 4 * 116 + 40


@pytest.mark.parametrize("class_id", [0, 5, 31])
def test_sheet_shows_name_pattern_and_image_of_a_class(class_id: int) -> None:
    sheet = np.asarray(contact_sheet(SOURCE))
    left, top = corner(class_id)
    assert (sheet[top : top + 96, left : left + 96] == swatch(SOURCE, class_id)).all()
    assert (sheet[top : top + 96, left + 98 : left + 194] == SOURCE.load(f"val-{class_id}-0", class_id)[0]).all()
    assert (sheet[top - 14 : top, left : left + 96] < 128).any()


def test_written_sheet_is_small_and_whole(tmp_path: Path) -> None:
    write(tmp_path / "patterns.png", SOURCE)
    assert [path.name for path in tmp_path.iterdir()] == ["patterns.png"]
    assert (tmp_path / "patterns.png").stat().st_size < 300_000


def test_docs_show_the_classes_as_they_are() -> None:
    """Up to the few colours of the picture."""
    shown = np.asarray(Image.open(DOCS / "patterns.png").convert("RGB")).astype(np.int64)
    for class_id in range(len(NAMES)):
        left, top = corner(class_id)
        difference = shown[top : top + 96, left : left + 96] - swatch(SOURCE, class_id)
        assert np.abs(difference).mean() < 20


def test_docs_name_every_class() -> None:
    text = (DOCS / "patterns.md").read_text()
    assert all(f"| {class_id} | {name} |" in text for class_id, name in enumerate(NAMES))
