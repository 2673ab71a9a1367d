from __future__ import annotations

import pytest

from sansa_lightning.data.patterns.keys import PatternKey


@pytest.mark.parametrize("text", ["train-0-0", "val-31-249", "val-3-17+1=val-3-40", "train-3-17+0=val-30-4"])
def test_text_and_parts_are_the_same(text: str) -> None:
    assert str(PatternKey.parse(text)) == text


def test_parts() -> None:
    assert PatternKey.parse("val-3-17+1=train-4-40") == PatternKey("val", 3, 17, 1, PatternKey("train", 4, 40))


@pytest.mark.parametrize(
    "text",
    [
        *("", "val", "val-3", "test-3-1", "val-03-1", "val-3-1 ", "val-3--1", "val-3-1+", "val-3-1+1", 7),
        *("val-3-1=val-3-2", "val-3-1+1=val-3", "val-3-1+1=val-3-2+0=val-3-3", "xval-3-1"),
    ],
)
def test_anything_else_is_refused_in_one_line(text: str | int) -> None:
    with pytest.raises(KeyError, match=r"expected an image key like 'val-3-17'.*but got") as caught:
        PatternKey.parse(text)
    assert "\n" not in str(caught.value)


def test_borrowed_palettes_are_not_lent_on() -> None:
    plain, borrowed = PatternKey.parse("val-3-1"), PatternKey.parse("val-3-2+1=val-3-4")
    for wearer, lender in ((plain, borrowed), (borrowed, plain)):
        with pytest.raises(ValueError, match="expected images in their own palettes, but got val-3-"):
            wearer.lend(0, lender)
