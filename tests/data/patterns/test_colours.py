"""Colour knows nothing of the class: a linear classifier on colour histograms is no better than chance."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from sansa_lightning.data.patterns.draws import Draws
from sansa_lightning.data.patterns.palettes import palettes
from sansa_lightning.data.patterns.scene import Scene

CLASSES = tuple(range(32))
CHANCE = 1 / 32


def histogram(image: NDArray[np.uint8], members: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Shares of 64 joint colours and of 16 levels of each channel, in the whole image and in the class's objects."""
    pixels = image.reshape(-1, 3).astype(np.int64)
    bins = np.column_stack([(pixels >> 6) @ [16, 4, 1], (pixels >> 4) + [64, 80, 96]])
    inside = bins[members.ravel()]
    parts = [np.bincount(part.ravel(), minlength=112) / len(part) for part in (bins, inside)]
    return np.concatenate(parts)


def histograms(split: str, images: int, *, tinted: bool = False) -> NDArray[np.float64]:
    """Of the images of each class, [32, images, features]; if tinted, a class has a palette of its own."""
    rows = []
    for class_id in CLASSES:
        for index in range(images):
            scene = Scene(0, split, class_id, index, CLASSES, 96)
            worn = scene.palettes.copy()
            if tinted:
                worn[scene.subject] = palettes(Draws(0, 99, class_id), 1)[0]
            rows.append(histogram(scene.image(worn), scene.mask(class_id) > 0))
    return np.stack(rows).reshape(32, images, -1)


def accuracy(train: NDArray[np.float64], test: NDArray[np.float64]) -> float:
    """Of a ridge classifier from histograms [32, images, features] of each class."""
    mean, scale = train.mean((0, 1)), train.std((0, 1)) + 1e-9

    def features(drawn: NDArray[np.float64]) -> NDArray[np.float64]:
        standard = ((drawn - mean) / scale).reshape(-1, drawn.shape[-1])
        return np.append(standard, np.ones((len(standard), 1)), axis=1)

    known, labels = features(train), np.repeat(np.eye(32), train.shape[1], axis=0)
    weights = np.linalg.solve(known.T @ known + 10 * np.eye(known.shape[1]), known.T @ labels)
    guesses = (features(test) @ weights).argmax(1).reshape(32, -1)
    return float((guesses == np.arange(32)[:, None]).mean())


@pytest.mark.parametrize(
    ("train", "test"), [pytest.param(40, 30, id="small"), pytest.param(200, 100, id="large", marks=pytest.mark.slow)]
)
def test_colours_do_not_tell_the_class(train: int, test: int) -> None:
    """Standard error at chance: 0.6 points with 960 test images, 0.3 with 3200."""
    found = accuracy(histograms("train", train), histograms("val", test))
    print(f"histograms to class: {found:.1%}, chance {CHANCE:.1%}, {32 * train} train and {32 * test} test images")
    assert found <= CHANCE + 0.03


@pytest.mark.slow
def test_colours_that_tell_the_class_are_found_out() -> None:
    """The same classifier where each class has a palette of its own: the test above can fail."""
    assert accuracy(histograms("train", 10, tinted=True), histograms("val", 10, tinted=True)) > 0.3
