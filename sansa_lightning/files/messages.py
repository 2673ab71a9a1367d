"""What an error says, as the one line that a person needs."""

from __future__ import annotations

import re
from typing import Any

import numpy as np

BUILDING = re.compile(
    r"Does not validate against any of the Union subtypes\n.*?\n\s*Errors:(?P<errors>\n.*)\n\s*Given value type:",
    re.DOTALL,
)
IN_WORKER = re.compile(r"Caught \w+ in DataLoader worker process .*\n(?:[\w.]*\.)?\w+: (?P<message>.*)", re.DOTALL)


def brief(value: Any, length: int = 60) -> str:
    """A value as a message can show it: on one line, and not too long."""
    try:
        text = str(value) if isinstance(value, int | float | np.ndarray) else repr(value)
    except (RecursionError, ValueError):  # nested too deeply, or a number of more digits than Python writes
        text = f"a {type(value).__name__}"
    return plain(text, length)


def plain(text: str, length: int = 200) -> str:
    """The beginning of a text on one line, without what cannot be printed."""
    return "".join(each if each.isprintable() else "?" for each in " ".join(text[: 4 * length].split()))[:length]


def one_line(error: BaseException) -> str:
    """What an error says, without what a loading process or a parser that builds objects has put around it."""
    found = IN_WORKER.match(str(error))
    return " ".join(_of_constructor(found["message"] if found else str(error)).split())


def _of_constructor(text: str) -> str:
    """What a class said of its arguments, where jsonargparse tells what else the value could have been: null, mostly.

    Such errors come one a line, those of a type within a type deeper.
    """
    if not (found := BUILDING.search(text)):
        return text
    errors = [re.split(r"\n\s*(?:Subtypes|Given value)", each)[0] for each in re.split(r"\n\s*- ", found["errors"])]
    own = [each for each in errors if each.strip() and not each.startswith(("Expected a", "Does not validate"))]
    return own[0] if own else text
