"""Ids and whole numbers as annotation tools write them: 7, 7.0, "7" and "img_7"."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, TypeVar

import numpy as np

Id = int | str
_WHOLE = re.compile(r"(-?(?:0|[1-9][0-9]{0,17}))(?:\.0+)?")
T = TypeVar("T")


def id_of(value: Any) -> Id | None:
    """An id in the form used for comparison; None for anything that is not an id.

    Whole numbers become numbers, however they are written; other text is kept. So ids match wherever pycocotools would
    match them, and also where one list has 7 and the other "7".
    """
    if type(value) is int:
        return value
    if isinstance(value, str):
        found = _WHOLE.fullmatch(value.strip())
        return int(found[1]) if found else value.strip() or None
    return whole(value)


def whole(value: Any) -> int | None:
    """A whole number: 72, 72.0, "72" or "72.0"; None for anything else."""
    if type(value) is int:
        return value
    if isinstance(value, str):
        found = _WHOLE.fullmatch(value.strip())
        return int(found[1]) if found else None
    if isinstance(value, float | np.floating) and float(value).is_integer():
        return int(value)
    return int(value) if isinstance(value, np.integer) else None


def look_up(table: Mapping[Id, T], value: Any) -> T | None:
    """The thing that an entry refers to by id; None if there is none."""
    if type(value) is not int:
        value = id_of(value)
    return table.get(value)


def in_order(number: Id) -> tuple[bool, int, str]:
    """The order of ids: numbers ascending, then text."""
    return (True, 0, number) if isinstance(number, str) else (False, number, "")
