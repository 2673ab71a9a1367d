"""The classes of the benchmark: 32 families of surface patterns.

A family is named after its look. Class ``c`` is in fold ``c % FOLDS``: each row of four holds relatives (stripes beside
waves, truchet beside maze), so that every fold has one of each kind. Pretraining uses nothing from this file or the
two it imports (see :mod:`sansa_lightning.data.patterns.pretraining`).
"""

from __future__ import annotations

from sansa_lightning.data.patterns import irregular, regular
from sansa_lightning.data.patterns.fields import Family

FAMILIES: tuple[Family, ...] = (
    *(regular.stripes, regular.waves, regular.zigzag, regular.ladder),
    *(regular.grid, regular.checker, regular.bricks, regular.honeycomb),
    *(regular.dots, regular.rings, regular.squares, regular.diamonds),
    *(regular.triangles, regular.halfmoons, regular.bowties, regular.stars),
    *(regular.plus, regular.letters, regular.arrows, regular.dotstripe),
    *(regular.pinwheel, regular.targets, regular.swirls, regular.scales),
    *(irregular.truchet, irregular.maze, irregular.cracks, regular.basket),
    *(irregular.blots, irregular.mosaic, irregular.sticks, irregular.bubbles),
)
"""The family of class 0, 1, ...; a new class goes to the end."""

NAMES: tuple[str, ...] = tuple(family.__name__ for family in FAMILIES)
"""The name of class 0, 1, ..."""

FOLDS = 4
"""Class c belongs to fold c % FOLDS, as in ``Strict(fold)``."""
