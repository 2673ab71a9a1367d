"""Pictures of test episodes for the page: as runs left them, made small."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping
from pathlib import Path

from PIL import Image, UnidentifiedImageError

from sansa_lightning.report.gather.runs import Run
from sansa_lightning.report.write.contents import Panel

MOST = 8
WIDTH = 1100
"""Pixels of a picture's longer side in the page."""


def panels_of(runs: Mapping[Run, str]) -> list[Panel]:
    """The pictures of the first run of each row that has some, ``MOST`` in all.

    Args:
        runs: with the names of their rows.
    """
    found: list[Panel] = []
    seen: set[str] = set()
    for run, row in runs.items():
        if row in seen or len(found) >= MOST:
            continue
        for path in run.pictures[: MOST - len(found)]:
            if (picture := _jpeg(path)) is not None:
                seen.add(row)
                alt = f"Test episodes of {row}: references with their masks, predictions, and the truth"
                found.append(Panel(f"{row}: {path}", alt, picture))
    return found


def _jpeg(path: Path) -> str | None:
    """A picture as JPEG in base64; None if it is none."""
    try:
        with Image.open(path) as picture:
            small = picture.convert("RGB")
            small.thumbnail((WIDTH, WIDTH))
    except (OSError, UnidentifiedImageError, Image.DecompressionBombError):
        return None
    file = io.BytesIO()
    small.save(file, format="JPEG", quality=82)
    return base64.b64encode(file.getvalue()).decode()
