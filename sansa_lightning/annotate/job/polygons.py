"""Masks as polygons that pycocotools rasterises back to the same mask, holes included."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Vertex = tuple[int, int]
"""(x, y) of a corner between pixels."""


def polygons_of(mask: NDArray[np.bool_]) -> list[list[float]]:
    """COCO's polygons of a mask [H, W], x, y, x, y, ...: one for each part whose pixels share edges.

    They run along the edges of pixels. A hole is joined to the outline of its part by a line that is drawn there and
    back, since COCO has no holes.
    """
    from scipy.ndimage import find_objects, label

    numbers, _ = label(mask)
    found = []
    for number, (rows, columns) in enumerate(find_objects(numbers), 1):
        loops = _loops(numbers[rows, columns] == number)
        way = list(loops[0])
        for loop in loops[1:]:
            way += [loops[0][0], *loop, loop[0]]
        found.append([float(value) for x, y in way for value in (x + columns.start, y + rows.start)])
    return found


def _loops(part: NDArray[np.bool_]) -> list[list[Vertex]]:
    """The outlines of a connected part, the outer one first: corners, whose edges are horizontal and vertical in turn.

    In each row of corners the first and the second are the ends of an edge, the third and the fourth, and so on; so it
    is in columns. Where two pixels meet by a corner alone, there are two corners in one place.
    """
    padded = np.pad(part, 1)
    a, b, c, d = padded[:-1, :-1], padded[:-1, 1:], padded[1:, :-1], padded[1:, 1:]
    times = (a ^ b ^ c ^ d) + 2 * ((a == d) & (b == c) & (a != b))
    rows, columns = np.nonzero(times)
    rows, columns = (each.repeat(times[rows, columns]) for each in (rows, columns))
    across, down = np.arange(len(rows)) ^ 1, np.empty(len(rows), np.int64)
    order = np.lexsort((rows, columns))
    down[order] = order[np.arange(len(rows)) ^ 1]
    x, y = columns.tolist(), rows.tolist()
    partners = (across.tolist(), down.tolist())
    loops, left = [], dict.fromkeys(range(len(x)))
    while left:
        loop, corner = [], next(iter(left))  # the first of all is on the outer outline
        while corner in left:
            for partner in partners:
                loop.append((x[corner], y[corner]))
                del left[corner]
                corner = partner[corner]
        loops.append(loop)
    return loops
