"""Checks of the types and ranges of strategies' arguments."""

from __future__ import annotations

import math
from numbers import Integral
from typing import Any


def is_whole(value: Any) -> bool:
    """Whether a value is an integer of Python or NumPy; True, False and 2.0 are not."""
    return isinstance(value, Integral) and not isinstance(value, bool)


def is_number(value: Any) -> bool:
    """Whether a value is an integer or a finite float; True and False are not."""
    return is_whole(value) or (isinstance(value, float) and math.isfinite(value))


def check_whole(value: Any, where: str, least: int = 1, what: str = "") -> int:
    """An integer that is large enough, as Python's own type: a checkpoint holds no others.

    Args:
        value: to check.
        where: class and argument, for the message.
        least: smallest permitted value.
        what: the things that it counts, for the message.

    Raises:
        ValueError: it is not an integer, or too small.
    """
    if not is_whole(value) or value < least:
        msg = f"{where}: expected at least {least}{f' {what}' if what else ''}, a whole number, but got {value!r}"
        raise ValueError(msg)
    return int(value)


def check_positive(value: Any, where: str) -> float:
    """A number above 0.

    Raises:
        ValueError: it is not.
    """
    if not is_number(value) or value <= 0:
        msg = f"{where}: expected a number above 0, but got {value!r}"
        raise ValueError(msg)
    number: float = value
    return number


def check_probability(value: Any, where: str) -> float:
    """A probability below 1.

    Raises:
        ValueError: it is not.
    """
    if not is_number(value) or not 0 <= value < 1:
        msg = f"{where}: expected a probability in [0, 1), but got {value!r}"
        raise ValueError(msg)
    return float(value)
