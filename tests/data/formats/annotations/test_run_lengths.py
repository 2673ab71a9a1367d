"""Run lengths from each form of mask, against painted ones and pycocotools."""

from __future__ import annotations

import numpy as np
import pytest
from pycocotools import mask as coco_mask

from fakes.shapes import boxes_in, packed_runs, painted, plain_runs
from fakes.shapes import polygon as polygon_of
from sansa_lightning.data.formats.annotations.run_lengths import (
    _unpack,
    covers,
    decode,
    of_array,
    of_counts,
    of_polygon,
    polygon,
    union,
)

BOX = (3, 4, 12, 20)
MASK = painted([BOX], 25, 17)
OUTLINE = polygon_of(BOX)[0]


@pytest.mark.parametrize(
    "segmentation",
    [
        plain_runs(MASK),
        plain_runs(MASK) | {"size": [25.0, "17"], "counts": [float(n) for n in plain_runs(MASK)["counts"]]},
        packed_runs(MASK),
        packed_runs(MASK) | {"counts": packed_runs(MASK)["counts"].encode()},
    ],
    ids=["plain", "numbers as text", "packed", "bytes"],
)
def test_counts(segmentation):
    runs = of_counts(segmentation, 25, 17)
    np.testing.assert_array_equal(decode(runs, 25, 17), MASK)
    assert coco_mask.area({"size": [25, 17], "counts": runs}) == MASK.sum()


@pytest.mark.parametrize("mask", [MASK, MASK.astype(bool), MASK * 255.0], ids=["uint8", "bool", "float"])
def test_arrays(mask):
    np.testing.assert_array_equal(decode(of_array(mask, 25, 17), 25, 17), MASK)


@pytest.mark.parametrize("part", [OUTLINE, tuple(OUTLINE), np.array(OUTLINE), [str(n) for n in OUTLINE]])
def test_polygons(part):
    points, furthest = polygon(part)
    np.testing.assert_array_equal(decode(of_polygon(points, 25, 17), 25, 17), MASK)
    assert furthest == 20


@pytest.mark.parametrize(
    "part",
    [
        [],
        [1, 2, 3, 4],
        [1, 2, 3, 4, 5, 6, 7],
        ["a"] * 6,
        [1, 2, 3, 4, 5, float("nan")],
        [1, 2, 3, 4, 5, None],
        [0, 0, 10**30, 0, 1, 1],
        [0, 0, 10**400, 0, 1, 1],
        [0, 0, -(2**63), 0, 1, 1],
        [[1, 2], [3, 4], [5, 6]],
        {"size": [2, 2]},
        "123456",
        None,
    ],
)
def test_no_polygons(part):
    assert polygon(part) is None


def test_whether_an_outline_covers_a_pixel():
    for corners in ([1, 1, 1, 1, 1, 1], [0.1, 0.1, 0.4, 0.1, 0.4, 0.4], [90, 90, 95, 90, 95, 95], OUTLINE):
        runs = of_polygon(polygon(corners)[0], 25, 17)
        assert covers(runs, 25, 17) == bool(decode(runs, 25, 17).any())


def test_union():
    rng = np.random.default_rng(0)
    boxes = boxes_in(rng, (0, 0, 17, 25), 5)
    parts = [of_array(painted([box], 25, 17), 25, 17) for box in boxes]
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
            runs = of_counts({"size": [30, 40], "counts": bytes(counts)}, 30, 40)
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
        ({"size": [17, 25], "counts": "0"}, r"expected run lengths of size \[25, 17\], but got \{'size'"),
        ({"size": [25, 17]}, r"expected run lengths that add up to 425 pixels, but got None"),
        ({"size": [25, 17], "counts": "d0"}, r"expected run lengths that add up to 425 pixels, but got 20"),
        ({"size": [25, 17], "counts": "\u00e9"}, r"expected run lengths that add up to 425 pixels, but got b'"),
        ({"size": [25, 17], "counts": "~~"}, r"expected run lengths that add up to 425 pixels, but got b'~~'"),
        ({"size": [25, 17], "counts": [400, 24]}, r"expected run lengths that add up to 425 pixels, but got 424"),
        ({"size": [25, 17], "counts": [424.5, 0.5]}, r"expected run lengths that add up to 425 pixels, but got \[424"),
        (
            {"size": [25, 17], "counts": [-1, 426]},
            r"expected run lengths that add up to 425 pixels, but got \[-1, 426\]",
        ),
        ({"size": np.array([25, 17]), "counts": "d0"}, r"expected run lengths of size"),
        ({"size": [np.array([25, 17]), 17], "counts": "d0"}, r"expected run lengths of size"),
        ({"size": [25, 17], "counts": "o" * 10**6}, r"expected run lengths that add up to 425 pixels, but got b'oo"),
    ],
)
def test_counts_that_are_none(segmentation, message):
    with pytest.raises(ValueError, match=rf"^{message}"):
        of_counts(segmentation, 25, 17)


@pytest.mark.parametrize(
    ("mask", "message"),
    [
        (np.full((25, 17), "0"), r"expected an array of numbers or truth values, but got \[\['0' '0'"),
        (np.full((25, 17), np.nan), r"expected an array of numbers or truth values, but got \[\[nan nan"),
        (np.zeros((17, 25)), r"expected an array of size \[25, 17\], but got \[17, 25\]"),
    ],
)
def test_arrays_that_are_no_masks(mask, message):
    with pytest.raises(ValueError, match=rf"^{message}"):
        of_array(mask, 25, 17)
