"""Names of output files that are made of names which somebody else chose."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import PurePosixPath


def output_names(names: Sequence[str], endings: Sequence[str] = ()) -> list[str]:
    """A relative path for each name, below the folder it is joined to, and no two the same.

    Args:
        names: perhaps absolute, perhaps with "..": those parts are left out.
        endings: in lower case; one of them is cut off a name, unless names differ in it alone.

    >>> output_names(["a.jpg", "b/scene.1", "../c.png", "c.jpg", "/c.jpg"], (".jpg", ".png"))
    ['a', 'b/scene.1', 'c.png', 'c.jpg', 'c.jpg_2']
    """
    whole = [_below(name) for name in names]
    bare = [_without(name, endings) for name in whole]
    times = Counter(bare)
    taken: set[str] = set()
    found = []
    for full, short in zip(whole, bare, strict=True):
        name = own = short if times[short] == 1 else full
        number = 1
        while name in taken:
            number += 1
            name = f"{own}_{number}"
        taken.add(name)
        found.append(name)
    return found


def _below(name: str) -> str:
    return "/".join(part for part in PurePosixPath(name).parts if part not in ("/", "//", "..")) or "_"


def _without(name: str, endings: Sequence[str]) -> str:
    path = PurePosixPath(name)
    return str(path.with_suffix("")) if path.suffix.lower() in endings else name
