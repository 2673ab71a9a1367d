"""Polygons against pycocotools, which rasterises them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from pycocotools import mask as coco_mask
from scipy import ndimage

from sansa_lightning.annotate.job.polygons import polygons_of


def rasterised(polygons, shape):
    return coco_mask.decode(coco_mask.merge(coco_mask.frPyObjects(polygons, *shape))) == 1


@settings(max_examples=150, deadline=None)
@given(arrays(bool, st.tuples(st.integers(1, 9), st.integers(1, 9))))
def test_any_mask_comes_back_with_its_holes_and_corners(mask):
    if mask.any():
        assert np.array_equal(rasterised(polygons_of(mask), mask.shape), mask)


@pytest.mark.parametrize("seed", range(4))
def test_large_blobs_with_holes(seed):
    noise = ndimage.gaussian_filter(np.random.default_rng(seed).normal(size=(300, 400)), 6)
    mask = noise > 0
    polygons = polygons_of(mask)
    assert np.array_equal(rasterised(polygons, mask.shape), mask)
    assert len(polygons) == ndimage.label(mask)[1]
    assert all(isinstance(value, float) for polygon in polygons for value in polygon)


def test_a_rectangle_has_four_corners():
    mask = np.zeros((10, 12), bool)
    mask[2:5, 3:9] = True
    (polygon,) = polygons_of(mask)
    assert {tuple(pair) for pair in np.reshape(polygon, (-1, 2)).tolist()} == {(3, 2), (9, 2), (9, 5), (3, 5)}
    assert len(polygon) == 8
