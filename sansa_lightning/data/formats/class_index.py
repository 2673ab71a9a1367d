"""The values in a folder of label maps, with their pixels; read once and kept in the cache folder."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from lightning.pytorch.utilities import rank_zero_info, rank_zero_warn

from sansa_lightning.data.formats.index_cache import alone, cache_folder
from sansa_lightning.data.formats.mask_files import read_labels
from sansa_lightning.files.whole import write_text

VERSION = 4
"""Of the content of these indices; raise it with any change to how label maps are read."""

LEAST_FILES = 100
"""Fewer label maps are read again each time, which takes less than half a second."""

Shown = list[list[list[int]]]
"""For each label map its values, ascending, each with its number of pixels; as in the cache."""


def shown_values(folder: Path, files: Sequence[str]) -> list[list[int]]:
    """The values in each label map, ascending; see :func:`shown_pixels`."""
    return [[value for value, _ in shown] for shown in _shown(folder, files, "")]


def shown_pixels(folder: Path, files: Sequence[str], part: str = "") -> list[dict[int, int]]:
    """The number of pixels of each value in each label map.

    They come from the cache if it was made from files of the same names, sizes and times. Otherwise they are read from
    the label maps, about 4 ms each, and cached if possible. Only one process of a machine reads them; others wait for
    it.

    Args:
        folder: of the label maps.
        files: their names.
        part: tells several lists of files in one folder apart; each has a cache of its own.

    Raises:
        ValueError: a label map cannot be decoded; names it.
    """
    return [{pair[0]: pair[1] for pair in shown} for shown in _shown(folder, files, part)]


def _shown(folder: Path, files: Sequence[str], part: str) -> Shown:
    version = _version(folder, files)
    if len(files) < LEAST_FILES:
        return _read(folder, files)
    try:
        cache = _cache_of(folder, part)
    except OSError as error:
        rank_zero_warn(f"the label maps in {folder} are read again each time, since there is no cache folder: {error}")
        return _read(folder, files)
    known = _cached(cache, version, len(files))
    if known is not None:
        return known
    with alone(cache):
        known = _cached(cache, version, len(files))  # another process may have made it meanwhile
        return _made(cache, version, folder, files) if known is None else known


def _made(cache: Path, version: str, folder: Path, files: Sequence[str]) -> Shown:
    rank_zero_info(f"reading {len(files)} label maps in {folder}, once; the index is kept in {cache}")
    shown = _read(folder, files)
    try:
        write_text(cache, json.dumps({"version": version, "sha256": _digest(shown), "shown": shown}))
    except OSError as error:
        rank_zero_warn(f"the index of {folder} will be built again each time, since {cache} cannot be written: {error}")
    return shown


def _cache_of(folder: Path, part: str) -> Path:
    """The cache file of a folder, or of a part of its files."""
    name = f"{folder.resolve()}\n{part}" if part else str(folder.resolve())
    place = hashlib.sha256(name.encode()).hexdigest()[:32]
    return cache_folder() / "indices" / f"labels-v{VERSION}-{place}.json"


def _read(folder: Path, files: Sequence[str]) -> Shown:
    with ThreadPoolExecutor() as pool:
        return list(pool.map(lambda file: _pixels(folder / file), files))


def _pixels(path: Path) -> list[list[int]]:
    counts = np.bincount(read_labels(path).ravel())
    return [[int(value), int(counts[value])] for value in np.flatnonzero(counts)]


def _version(folder: Path, files: Sequence[str]) -> str:
    """A text that changes when a file is added, removed or rewritten."""
    stats = ((file, _stat(folder / file)) for file in files)
    lines = (f"{file} {stat.st_size} {stat.st_mtime_ns}\n" for file, stat in stats)
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def _stat(path: Path) -> os.stat_result:
    try:
        return path.stat()
    except OSError as error:  # listed, but a broken link, or one to itself
        msg = f"{path} cannot be read: {error.strerror}"
        raise ValueError(msg) from error


def _cached(cache: Path, version: str, files: int) -> Shown | None:
    try:
        content: Any = json.loads(cache.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return None
    if not isinstance(content, dict) or content.get("version") != version:
        return None
    shown = content.get("shown")
    whole = isinstance(shown, list) and len(shown) == files and content.get("sha256") == _digest(shown)
    return shown if whole else None


def _digest(shown: Shown) -> str:
    return hashlib.sha256(json.dumps(shown).encode()).hexdigest()
