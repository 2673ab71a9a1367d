from __future__ import annotations

import numpy as np
import pytest

from sansa_lightning.data.patterns import families, irregular, pretraining, regular
from sansa_lightning.data.patterns.draws import Bytes
from sansa_lightning.data.patterns.fields import SHARES, TEXELS
from sansa_lightning.data.patterns.tiles import VARIANTS, class_tile, pretraining_tile

CLASSES = range(len(families.FAMILIES))


def spectrum(tile: Bytes) -> np.ndarray:
    values = tile.astype(np.float64)
    return np.fft.rfft2((values - values.mean()) / values.std())


def likeness(one: np.ndarray, other: np.ndarray) -> float:
    """Greatest correlation of two tiles over all shifts, -1 to 1, from their spectra."""
    return float(np.fft.irfft2(one * other.conj()).max() / TEXELS**2)


def test_there_are_32_classes_of_different_names_8_in_each_fold() -> None:
    assert len(set(families.NAMES)) == len(families.FAMILIES) == 32
    assert np.bincount(np.arange(32) % families.FOLDS).tolist() == [8] * 4


@pytest.mark.parametrize("class_id", CLASSES, ids=families.NAMES)
def test_figure_covers_the_drawn_share_whatever_the_class(class_id: int) -> None:
    for variants in VARIANTS.values():
        for variant in variants:
            share = class_tile(0, class_id, variant).mean() / 255
            assert SHARES[0] - 0.01 <= share <= SHARES[1]


@pytest.mark.parametrize("class_id", CLASSES, ids=families.NAMES)
def test_tiles_have_no_seam(class_id: int) -> None:
    """The step across the border is like the steps inside."""
    tile = class_tile(0, class_id, 0).astype(np.int64)
    for axis in (0, 1):
        steps = np.abs(tile - np.roll(tile, 1, axis)).mean(axis=1 - axis)
        assert steps[0] <= max(1.6 * steps[1:].max(), 16)


def test_no_two_classes_are_alike() -> None:
    spectra = [spectrum(class_tile(0, class_id, 0)) for class_id in CLASSES]
    pairs = {(a, b): likeness(spectra[a], spectra[b]) for a in CLASSES for b in CLASSES if a < b}
    worst = max(pairs, key=lambda pair: pairs[pair])
    assert pairs[worst] < 0.9, [families.NAMES[class_id] for class_id in worst]


def test_no_tile_is_in_both_splits() -> None:
    assert not set(VARIANTS["train"]) & set(VARIANTS["val"])
    for class_id in CLASSES:
        tiles = [class_tile(0, class_id, variant).tobytes() for variants in VARIANTS.values() for variant in variants]
        assert len(set(tiles)) == len(tiles)


def test_irregular_families_never_repeat_themselves() -> None:
    drawn = [family for family in families.FAMILIES if family.__module__ == irregular.__name__]
    assert len(drawn) == 7
    for class_id in map(families.FAMILIES.index, drawn):
        seen = spectrum(class_tile(0, class_id, 0))
        assert all(likeness(seen, spectrum(class_tile(0, class_id, variant))) < 0.9 for variant in VARIANTS["val"])


def test_pretraining_shares_no_family_with_the_classes() -> None:
    theirs = {id(value) for value in (*families.FAMILIES, regular, irregular, families)}
    assert not theirs & {id(value) for value in vars(pretraining).values()}
    ours = {id(family) for family in pretraining.FAMILIES} | {id(pretraining)}
    for module in (regular, irregular, families):
        assert not ours & {id(value) for value in vars(module).values()}
    assert not {family.__name__ for family in pretraining.FAMILIES} & set(families.NAMES)


@pytest.mark.slow
def test_no_pretraining_tile_is_like_a_class() -> None:
    classes = [spectrum(class_tile(0, class_id, 0)) for class_id in CLASSES]
    for number in range(160):
        seen = spectrum(pretraining_tile(0, number))
        likenesses = [likeness(seen, other) for other in classes]
        assert max(likenesses) < 0.6, (number, families.NAMES[int(np.argmax(likenesses))])


def test_pretraining_tiles_differ() -> None:
    spectra = [spectrum(pretraining_tile(0, number)) for number in range(60)]
    assert max(likeness(spectra[a], spectra[b]) for a in range(60) for b in range(a)) < 0.95


def test_tiles_cannot_be_written_to() -> None:
    with pytest.raises(ValueError, match="read-only"):
        class_tile(0, 0, 0)[0, 0] = 1
