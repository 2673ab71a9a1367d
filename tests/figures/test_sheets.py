"""Sheets of small pictures, and maps as colours."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from sansa_lightning.figures.overlays import GAP, HEAD
from sansa_lightning.figures.sheets import CELL, HOT, PARTS, as_colours, in_cell, sheet, with_heat, with_parts

BLACK = torch.zeros(3, 8, 8, dtype=torch.uint8)


def flat(red: int) -> torch.Tensor:
    return torch.full((4, 4, 3), red, dtype=torch.uint8)


def test_each_picture_stands_in_its_row_and_column():
    rows = [[("a", flat(10)), ("b", flat(20))], [("c", flat(30)), ("d", flat(40))]]
    found = np.asarray(sheet(rows))
    down, across = HEAD + CELL + GAP, CELL + GAP
    for number, value in enumerate((10, 20, 30, 40)):
        y, x = number // 2 * down + HEAD, number % 2 * across
        assert (found[y : y + CELL, x : x + CELL] == value).all()


@pytest.mark.parametrize(("count", "columns"), [(4, 1), (5, 2), (40, 8)])
def test_many_rows_are_set_in_columns(count, columns):
    found = np.asarray(sheet([[("", flat(number + 1))] for number in range(count)]))
    deep = -(-count // columns)
    assert found.shape[0] == deep * (HEAD + CELL + GAP) - GAP
    last = found[HEAD + (count - 1) % deep * (HEAD + CELL + GAP), (count - 1) // deep * (CELL + 3 * GAP)]
    assert last.tolist() == [count] * 3


def test_cells_of_a_map_stay_squares():
    picture = torch.tensor([[0, 255], [100, 7]], dtype=torch.uint8)[..., None].repeat(1, 1, 3)
    found = in_cell(picture)
    assert found.shape == (CELL, CELL, 3)
    assert (found[: CELL // 2, : CELL // 2] == 0).all()
    assert (found[CELL // 2 :, CELL // 2 :] == 7).all()


def test_components_are_scaled_between_their_ends():
    found = as_colours(np.asarray([[[0.0, -5, 1], [2, 5, 9]]]), [0, -5, 2], [4, 5, 8])
    assert found.tolist() == [[[0, 0, 0], [128, 255, 255]]]


def test_parts_and_heat_lie_over_their_cells():
    parts = torch.tensor([[0, -1], [-1, 2]])
    found = with_parts(BLACK, parts)
    assert found[0, 0].tolist() == [int(0.65 * value) for value in PARTS[0]]
    assert found[7, 7].tolist() == [int(0.65 * value) for value in PARTS[2]]
    assert found[0, 7].tolist() == [0, 0, 0]
    heat = torch.zeros(8, 8)
    heat[2, 3] = 4.0
    assert with_heat(BLACK, heat)[2, 3].tolist() == [int(0.65 * value) for value in HOT[-1]]
    assert with_heat(BLACK, heat, highest=16.0)[2, 3].tolist() == [int(0.65 * value) for value in HOT[1]]
    assert not with_heat(BLACK, heat)[7, 7].any()
