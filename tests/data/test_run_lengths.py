"""Run lengths from each form of mask, against painted ones and pycocotools."""

from __future__ import annotations

import numpy as np
import pytest
from pycocotools import mask as coco_mask

from fakes.shapes import boxes_in, packed_runs, painted, plain_runs, polygon
from sansa_lightning.data.run_lengths import _unpack, decode, run_lengths, union

BOX = (3, 4, 12, 20)
MASK = painted([BOX], 25, 17)


@pytest.mark.parametrize(
    "segmentation",
    [
        polygon(BOX),
        tuple(polygon(BOX)),
        [np.array(polygon(BOX)[0])],
        plain_runs(MASK),
        packed_runs(MASK),
        packed_runs(MASK) | {"counts": packed_runs(MASK)["counts"].encode()},
        MASK,
        MASK.astype(bool),
        MASK * 255.0,
    ],
    ids=lambda value: type(value).__name__,
)
def test_all_forms(segmentation):
    runs = run_lengths("here", segmentation, 25, 17)
    np.testing.assert_array_equal(decode(runs, 25, 17), MASK)
    assert coco_mask.area({"size": [25, 17], "counts": runs}) == MASK.sum()


def test_union():
    rng = np.random.default_rng(0)
    boxes = boxes_in(rng, (0, 0, 17, 25), 5)
    parts = [run_lengths("", painted([box], 25, 17), 25, 17) for box in boxes]
    np.testing.assert_array_equal(decode(union(parts, 25, 17), 25, 17), painted(boxes, 25, 17))
    assert union(parts[:1], 25, 17) is parts[0]


def test_unpacked_counts_are_those_of_a_direct_scan():
    rng = np.random.default_rng(1)
    for share in (0.02, 0.5, 0.98):
        mask = (rng.random((61, 47)) < share).astype(np.uint8)
        mask[10:50, 5:45] = rng.integers(2)
        assert _unpack(packed_runs(mask)["counts"].encode()) == plain_runs(mask)["counts"]


def test_every_change_of_compressed_counts_is_refused_or_drawn_in_bounds():
    """pycocotools itself decodes runs that end early to whatever was in memory."""
    good = packed_runs(painted(boxes_in(np.random.default_rng(2), (0, 0, 40, 30), 6), 30, 40))
    rng = np.random.default_rng(3)
    refused = 0
    for _ in range(400):
        counts = bytearray(good["counts"].encode())
        counts[rng.integers(len(counts))] = rng.integers(256)
        try:
            runs = run_lengths("here", {"size": [30, 40], "counts": bytes(counts)}, 30, 40)
        except ValueError:
            refused += 1
            continue
        mask = decode(runs, 30, 40)
        assert mask.max() <= 1
        assert mask.sum() == sum(_unpack(bytes(counts))[1::2])
    assert refused > 300


@pytest.mark.parametrize(
    ("segmentation", "message"),
    [
        (None, r"expected polygons, or run lengths or an array of size \[25, 17\], but got None"),
        ("abc", r"expected polygons, or run lengths"),
        ({"size": [17, 25], "counts": "0"}, r"expected polygons, or run lengths or an array of size \[25, 17\]"),
        ({"size": [25, 17]}, r"expected run lengths that add up to 425 pixels, but got None"),
        ({"size": [25, 17], "counts": "d0"}, r"expected run lengths that add up to 425 pixels, but got 20"),
        ({"size": [25, 17], "counts": "\u00e9"}, r"expected run lengths that add up to 425 pixels, but got \d+"),
        ({"size": [25, 17], "counts": "~~"}, r"expected run lengths that add up to 425 pixels, but got b'~~'"),
        ({"size": [25, 17], "counts": [400, 24]}, r"expected run lengths that add up to 425 pixels, but got 424"),
        (
            {"size": [25, 17], "counts": [-1, 426]},
            r"expected run lengths that add up to 425 pixels, but got \[-1, 426\]",
        ),
        ([], r"expected polygons of at least three points x, y, but got \[\]"),
        ([[1, 2, 3, 4]], r"expected polygons of at least three points x, y, but got \[\[1, 2, 3, 4\]\]"),
        ([[1, 2, 3, 4, 5, 6, 7]], r"expected polygons of at least"),
        ([["a"] * 6], r"expected polygons of at least"),
        ([[1, 2, 3, 4, 5, float("nan")]], r"expected polygons of at least"),
        ([["1"] * 6], r"expected polygons of at least"),
        ([[0, 0, 10**30, 0, 1, 1]], r"expected polygons of at least"),
        ({"size": np.array([25, 17]), "counts": "d0"}, r"expected polygons, or run lengths"),
        ({"size": [np.array([25, 17]), 17], "counts": "d0"}, r"expected polygons, or run lengths"),
        ({"size": [25, 17], "counts": "o" * 10**6}, r"expected run lengths that add up to 425 pixels, but got b'oo"),
        (np.full((25, 17), "0"), r"expected an array of numbers or truth values, but got \[\['0' '0'"),
        (np.full((25, 17), np.nan), r"expected an array of numbers or truth values, but got \[\[nan nan"),
        (np.zeros((17, 25)), r"expected an array of size \[25, 17\], but got \[17, 25\]"),
    ],
)
def test_mistakes(segmentation, message):
    with pytest.raises(ValueError, match=rf"^here: {message}"):
        run_lengths("here", segmentation, 25, 17)
