"""Ids and whole numbers however they are written."""

from __future__ import annotations

import numpy as np
import pytest

from sansa_lightning.data.formats.annotations.entry_ids import id_of, in_order, look_up, whole


@pytest.mark.parametrize("value", [72, 72.0, "72", " 72 ", "72.0", np.int64(72), np.float32(72)])
def test_one_number_in_every_writing(value):
    assert id_of(value) == whole(value) == 72
    assert look_up({72: "x"}, value) == "x"


@pytest.mark.parametrize("value", [None, True, False, 1.5, float("nan"), float("inf"), [], {}, "", " ", [72]])
def test_no_ids(value):
    assert id_of(value) is None
    assert whole(value) is None
    assert look_up({1: "x", 0: "y"}, value) is None


@pytest.mark.parametrize("text", ["img_7", "007", "7.5", "1e3", "\u0667", "x" * 5000])
def test_other_text_stays_as_it_is(text):
    assert id_of(text) == text
    assert whole(text) is None


def test_order():
    assert sorted(["b", 10, "a10", 9, -1], key=in_order) == [-1, 9, 10, "a10", "b"]
