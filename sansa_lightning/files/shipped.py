"""Experiments, ablations and tables that come with the package, for folders in which they are not.

In a checkout they stand at its top; ``assets`` holds links to both folders, which a wheel has as folders.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from functools import cache
from pathlib import Path

SHIPPED = Path(__file__).parents[1] / "assets"
FOLDERS = ("experiments", "ablations")
CONFIG = ("--config", "-c")
"""Options of every command that name a configuration file."""


def located(name: str | Path, folder: Path = Path()) -> Path:
    """A file or folder of a name below another folder, or where there is none the package's own.

    Args:
        name: such as "experiments/coco20i.yaml"; the package has those that begin with one of ``FOLDERS``.
        folder: that it is looked for in first; the current one if not given.

    Returns:
        The path, also where there is neither: whoever reads it says so. That the package's is taken is said on stderr.
    """
    asked = folder / name
    own = SHIPPED / name
    parts = Path(name).parts
    if not parts or parts[0] not in FOLDERS or ".." in parts or asked.exists() or not own.exists():
        return asked
    _say(str(name), own)
    return own


def with_located(args: Sequence[str]) -> list[str]:
    """A command line with its configuration files :func:`located`.

    >>> with_located(["fit", "--config", "mine.yaml", "-c=b.yaml"])
    ['fit', '--config', 'mine.yaml', '-c=b.yaml']
    """
    found: list[str] = []
    for before, arg in zip(["", *args], args, strict=False):
        option, equals, value = arg.partition("=")
        if before in CONFIG:
            found.append(_located(arg))
        elif option in CONFIG and equals:
            found.append(f"{option}={_located(value)}")
        else:
            found.append(arg)
    return found


def _located(name: str) -> str:
    """The same text where nothing of the package is taken: it may be no path at all."""
    try:
        found = located(name)
    except (OSError, ValueError):  # too long for a name, or with a zero byte
        return name
    return name if found == Path(name) else str(found)


@cache
def _say(name: str, path: Path) -> None:
    """Say it once in a process."""
    print(f"{name} is not in this folder; the package's own is taken: {path}", file=sys.stderr, flush=True)
