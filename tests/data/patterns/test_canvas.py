from __future__ import annotations

import numpy as np
import pytest

from sansa_lightning.data.patterns.canvas import Body, Coverage, Surface, background, cover, expose, paint, texture
from sansa_lightning.data.patterns.draws import Draws
from sansa_lightning.data.patterns.fields import PERIODS, TEXELS
from sansa_lightning.data.patterns.silhouettes import DIRECTIONS

WHOLE = (slice(0, 96), slice(0, 96))
DISC = np.ones(DIRECTIONS)


def test_disc_covers_its_area_around_its_centre() -> None:
    coverage = cover(96, Body(40.0, 55.5, 20.0, DISC, 0.0))
    assert coverage.alpha.sum() / 256 == pytest.approx(np.pi * 20**2, rel=0.01)
    rows, columns = (np.arange(part.start, part.stop) + 0.5 for part in coverage.window)
    weights = coverage.alpha / coverage.alpha.sum()
    assert (weights.sum(1) * rows).sum() == pytest.approx(55.5, abs=0.05)
    assert (weights.sum(0) * columns).sum() == pytest.approx(40.0, abs=0.05)


def test_object_at_the_edge_is_cut_there() -> None:
    middle, corner = (cover(96, Body(at, at, 20.0, DISC, 0.0)) for at in (48.0, 0.0))
    assert corner.alpha.sum() == pytest.approx(middle.alpha.sum() / 4, rel=0.01)
    assert corner.window[0].start == 0


def test_turn_is_clockwise_for_shape_and_surface() -> None:
    """A shape that reaches right, and stripes that stand upright, after a quarter turn."""
    right = np.where(np.minimum(np.arange(DIRECTIONS), DIRECTIONS - np.arange(DIRECTIONS)) < 64, 1.0, 0.2)
    turned = cover(96, Body(48.0, 48.0, 30.0, right, 0.25))
    rows = np.arange(turned.window[0].start, turned.window[0].stop)
    assert (turned.inside.sum(1) * rows).sum() / turned.inside.sum() > 48 + 10

    upright = np.broadcast_to(np.uint8(255) * (np.arange(TEXELS) % 32 < 16), (TEXELS, TEXELS)).astype(np.uint8)
    surface = Surface(np.ascontiguousarray(upright), 12.0, 0.0, (0.0, 0.0))
    for turn, axis in ((0.0, 0), (0.25, 1)):
        seen = texture(Body(48.0, 48.0, 30.0, DISC, turn), surface, WHOLE)
        assert np.ptp(seen, axis=axis).max() == 0
        assert np.ptp(seen, axis=1 - axis).min() == 255


def test_texture_repeats_after_a_tile_and_moves_with_its_object() -> None:
    tile = Draws(0, 0).bytes(TEXELS, TEXELS)
    surface = Surface(tile, 8.0, 0.0, (1.2345, 2.5432))
    seen = texture(Body(40.0, 40.0, 30.0, DISC, 0.0), surface, WHOLE)
    tile_side = PERIODS * 8
    assert (seen[:48, :48] == seen[tile_side:, tile_side:]).all()
    moved = texture(Body(47.0, 43.0, 30.0, DISC, 0.0), surface, WHOLE)
    assert (moved[3:, 7:] == seen[:-3, :-7]).all()


def test_paint_puts_figure_and_ground_where_covered() -> None:
    canvas = np.full((3, 4, 4), 100, dtype=np.int32)
    alpha = np.array([[256, 256], [128, 0]], dtype=np.int32)
    pattern = np.array([[0, 255], [0, 255]], dtype=np.int32)
    palette = np.array([[10, 20, 30], [250, 240, 230]])
    paint(canvas, Coverage((slice(1, 3), slice(1, 3)), alpha), pattern, palette)
    assert canvas[:, 1, 1].tolist() == [10, 20, 30]
    assert canvas[:, 1, 2] == pytest.approx([250, 240, 230], abs=1)
    assert canvas[:, 2, 1].tolist() == [55, 60, 65]
    assert (canvas[:, 2, 2] == 100).all()
    assert (canvas[:, 0] == 100).all()


def test_background_is_nearly_grey_and_of_low_contrast() -> None:
    for address in range(20):
        ground = background(96, Draws(0, 0, address))
        assert 20 <= ground.min() <= ground.max() <= 236
        assert np.ptp(ground, axis=(1, 2)).max() <= 48
        assert np.ptp(ground.mean(axis=(1, 2))) <= 32 + 24


def test_exposure_adds_grey_noise_of_the_stated_strength() -> None:
    canvas = np.full((3, 400, 400), 128, dtype=np.int32)
    image = expose(canvas, Draws(0, 0)).astype(np.float64)
    gain = image.mean() / 128
    assert 0.92 <= gain <= 1.08
    assert image.std() / gain == pytest.approx(5, abs=0.3)
    assert (image[..., 0] == image[..., 2]).all()
