"""Progress on stderr: a bar on a terminal, occasional lines elsewhere."""

from __future__ import annotations

import sys
from typing import Any

from tqdm import tqdm

_SECONDS = 30.0
"""Seconds between two lines in a log file."""


def progress(what: str, total: int | None, unit: str = "B", done: int = 0) -> Any:
    """A tqdm to be used in ``with``; its ``update`` takes bytes or things.

    Args:
        what: the activity, shown in front.
        total: bytes or things, None if unknown.
        unit: ``B`` for bytes, which are shown with k, M and G.
        done: number done before, out of ``total``.
    """
    return tqdm(
        desc=what,
        total=total,
        initial=done,
        unit=unit,
        unit_scale=unit == "B",
        file=sys.stderr,
        mininterval=0.2 if sys.stderr.isatty() else _SECONDS,
        leave=False,
        dynamic_ncols=True,
    )


def bytes_text(count: float) -> str:
    """Bytes for a person: ``13.5 GB``, in powers of 1000."""
    for unit in ("B", "kB", "MB"):
        if count < 1000:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} GB"
