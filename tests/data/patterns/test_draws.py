from __future__ import annotations

import numpy as np
import pytest

from sansa_lightning.data.patterns.canvas import _polar
from sansa_lightning.data.patterns.draws import TURN, Domain, Draws, cosine, sine
from sansa_lightning.data.patterns.silhouettes import DIRECTIONS


def test_numbers_are_raw_philox_words() -> None:
    words = np.random.Philox(key=7, counter=[0, 3, 5, 0]).random_raw(3)
    assert Draws(7, 3, 5).number(0, 1) == (int(words[0]) >> 40) / 2**24
    assert Draws(7, 3, 5).integer(0, 100) == (int(words[0]) >> 32) * 100 >> 32
    assert Draws(7, 3, 5).uniform(0, 1, 3).tolist() == [(int(word) >> 40) / 2**24 for word in words]
    assert Draws(7, 3, 5).integers(-4, 9, 3).tolist() == [((int(word) >> 32) * 13 >> 32) - 4 for word in words]
    assert Draws(7, 3, 5).bytes(2, 4).tobytes() == int(words[0]).to_bytes(8, "little")


def test_philox_has_the_stream_that_pictures_were_made_with() -> None:
    assert Draws(0, Domain.CAST, 1, 2).bytes(8).tolist() == [195, 190, 203, 5, 78, 124, 47, 40]


def test_another_address_or_seed_gives_other_numbers() -> None:
    addresses = [(0, 1), (0, 2), (1, 1), (0, 1, 1), (0, 1, 0, 1)]
    assert len({Draws(*address).number(0, 1) for address in addresses}) == len(addresses)


@pytest.mark.parametrize(("low", "high"), [(0, 2), (-3, 4), (10, 11)])
def test_integers_cover_their_range_evenly(low: int, high: int) -> None:
    drawn = Draws(1, 1).integers(low, high, 6000)
    counts = np.bincount(drawn - low, minlength=high - low)
    expected = 6000 / (high - low)
    assert len(counts) == high - low
    assert np.abs(counts - expected).max() <= 4 * np.sqrt(expected)


def test_permutation_is_one() -> None:
    assert sorted(Draws(1, 1).permutation(9).tolist()) == list(range(9))


def test_chance_is_as_likely_as_said() -> None:
    draws = Draws(2, 1)
    assert sum(draws.chance(0.3) for _ in range(4000)) == pytest.approx(1200, abs=4 * np.sqrt(4000 * 0.21))


def test_cosine_and_sine_are_those_of_the_library_to_14_bits() -> None:
    turns = np.linspace(-2, 2, 4 * TURN, endpoint=False)
    assert np.abs(cosine(turns) - np.cos(2 * np.pi * turns)).max() <= 2**-15 + 1e-12
    assert np.abs(sine(turns) - np.sin(2 * np.pi * turns)).max() <= 2**-15 + 1e-12


def test_no_table_entry_is_near_a_tie() -> None:
    """C libraries differ in the last bits of a cosine or an angle: about 1e-12 and 1e-13 of these units."""
    scaled = np.cos(np.arange(TURN) * (2 * np.pi / TURN)) * 2**14
    assert np.abs(scaled - np.floor(scaled) - 0.5).min() > 1e-6

    offsets = np.arange(-1024, 1025)  # images of 512 pixels, the largest
    y, x = np.meshgrid(offsets, offsets, indexing="ij")
    steps = np.arctan2(y, x) * (DIRECTIONS / (2 * np.pi)) + 0.25
    assert np.abs(steps - np.rint(steps)).min() > 1e-9
    assert _polar(512)[0].shape == steps.shape
