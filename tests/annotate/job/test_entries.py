"""Objects of a mask, against NumPy."""

from __future__ import annotations

import numpy as np
import pytest

from sansa_lightning.annotate.found import Found
from sansa_lightning.annotate.job.entries import Shape, entries_of, mask_of


@pytest.mark.parametrize("polygons", [False, True])
@pytest.mark.parametrize("seed", range(3))
def test_boxes_areas_and_masks(seed, polygons):
    mask = np.random.default_rng(seed).random((7, 9)) > 0.8
    found = Found(("a",), mask[None], np.ones(1, np.float32))
    (entry,) = entries_of(found, Shape(polygons=polygons))
    rows, columns = np.nonzero(mask)
    assert entry["area"] == mask.sum()
    assert entry["bbox"] == [columns.min(), rows.min(), np.ptp(columns) + 1, np.ptp(rows) + 1]
    assert np.array_equal(mask_of(entry["segmentation"], mask.shape), mask)
    parts = entries_of(found, Shape(instances=True, polygons=polygons))
    assert np.array_equal(sum(mask_of(part["segmentation"], mask.shape).astype(int) for part in parts), mask)
